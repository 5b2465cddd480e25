//! The same question asked of Casbin: may this user pass this door?
//!
//! Users hold keys as Casbin's roles, keys open doors as its policies. Schedules, windows, blocks,
//! cards and states are left out: what Casbin does is less work, and in its favour.

use std::hint::black_box;
use std::time::Instant;

use anyhow::{Context as _, Result};
use casbin::{CoreApi as _, DefaultModel, Enforcer, MemoryAdapter, MgmtApi as _};
use doorward_core::model::Record;
use doorward_core::sample::{Random, Sample};

use super::figures::percentile;
use super::progress;

/// Requests measured: each takes milliseconds.
const REQUESTS: usize = 200;

const MODEL: &str = "
[request_definition]
r = user, door

[policy_definition]
p = key, door

[role_definition]
g = _, _

[policy_effect]
e = some(where (p.eft == allow))

[matchers]
m = r.door == p.door && g(r.user, p.key)
";

/// The median time of a decision at a site of so many users, in nanoseconds.
pub(super) fn p50_ns(seed: u64, users: u32) -> Result<u64> {
    progress(&format!("Casbin at {users} users"));
    let runtime = tokio::runtime::Builder::new_current_thread().build()?;
    let mut enforcer = runtime.block_on(async {
        let model = DefaultModel::from_str(MODEL).await?;
        Enforcer::new(model, MemoryAdapter::default()).await
    })?;
    let mut policies = Vec::new();
    let mut roles = Vec::new();
    for record in Sample::new(seed, users).records() {
        match record {
            Record::Key(key) => {
                let doors = key.doors.iter();
                policies.extend(doors.map(|door| vec![name('k', key.id.0), name('d', door.0)]));
            }
            Record::Grant(grant) => {
                roles.push(vec![name('u', grant.user.0), name('k', grant.key.0)]);
            }
            _ => {}
        }
    }
    let held: Vec<_> = roles.clone();
    let doors = policies.clone();
    runtime.block_on(async {
        enforcer.add_policies(policies).await?;
        enforcer.add_grouping_policies(roles).await
    })?;
    let mut random = Random::new(seed);
    let mut each_ns = Vec::with_capacity(REQUESTS);
    for _ in 0..REQUESTS {
        let grant = &held[random.below(u32::try_from(held.len())?) as usize];
        let opened = doors.iter().find(|policy| policy[0] == grant[1]);
        // As at the doors of the other measurement, seven in ten are granted.
        let door = if random.below(100) < 70 {
            opened.context("a key without doors")?[1].clone()
        } else {
            "d0".to_owned()
        };
        let request = (grant[0].clone(), door);
        let begun = Instant::now();
        black_box(enforcer.enforce(black_box(request))?);
        each_ns.push(u64::try_from(begun.elapsed().as_nanos())?);
    }
    each_ns.sort_unstable();
    Ok(percentile(&each_ns, 50.0))
}

fn name(kind: char, id: u32) -> String {
    format!("{kind}{id}")
}
