use core::fmt;
use serde::{Deserialize, Serialize};

use super::rules::judge;
use super::trace::{Rule, Trace};
use super::{Decision, Outcome, Policy, QuietSite, Request, SiteState};
use crate::event::Reason;
use crate::ids::{CredentialId, KeyId, UserId};
use crate::time::{ClockTrust, Now, Wall};
use crate::view::AccessView;

/// A decision with each step that led to it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Explanation {
    /// Granted or denied.
    pub outcome: Outcome,
    /// Why.
    pub reason: Reason,
    /// The time asked about.
    pub at: Wall,
    /// Whether that time may be believed.
    pub clock: ClockTrust,
    /// The credential, as far as known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub credential: Option<CredentialId>,
    /// The user, as far as known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user: Option<UserId>,
    /// The key that opened, or that got furthest.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key: Option<KeyId>,
    /// The rules asked, in order, until the decision was certain.
    pub steps: Vec<Step>,
}

/// One rule asked, of the request or of one key.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Step {
    /// The rule's number, from 1.
    pub number: u8,
    /// The rule.
    pub rule: Rule,
    /// Of which key, for the rules that are asked of each.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key: Option<KeyId>,
    /// Whether it was met.
    pub passed: bool,
    /// The reason it gives for a denial, if it was not met.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<Reason>,
    /// What was found, for people.
    pub facts: String,
}

/// Judges a request by the very rules of [`decide`](super::decide()), and keeps every step.
pub fn explain<V: AccessView>(
    view: &V,
    request: &Request<'_>,
    now: Now,
    policy: Policy,
) -> Explanation {
    explain_at(view, &QuietSite, request, now, policy)
}

/// The same by the rules of [`decide_at`](super::decide_at()).
pub fn explain_at<V: AccessView, S: SiteState>(
    view: &V,
    site: &S,
    request: &Request<'_>,
    now: Now,
    policy: Policy,
) -> Explanation {
    let mut steps = Steps(Vec::new());
    let Decision {
        outcome,
        reason,
        matched,
        ..
    } = judge(view, site, request, now, policy, &mut steps);
    Explanation {
        outcome,
        reason,
        at: now.wall,
        clock: now.trust,
        credential: matched.credential,
        user: matched.user,
        key: matched.key,
        steps: steps.0,
    }
}

struct Steps(Vec<Step>);

impl Trace for Steps {
    fn step(
        &mut self,
        rule: Rule,
        key: Option<KeyId>,
        result: Result<(), Reason>,
        facts: fmt::Arguments<'_>,
    ) {
        self.0.push(Step {
            number: rule.number(),
            rule,
            key,
            passed: result.is_ok(),
            reason: result.err(),
            facts: facts.to_string(),
        });
    }
}
