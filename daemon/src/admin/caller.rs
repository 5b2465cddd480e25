//! Who calls, and whether they may.

use std::marker::PhantomData;

use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use doorward_api::ProblemKind;
use nix::unistd::{Uid, User, geteuid};
use tokio::net::UnixStream;

use super::refused::Refused;
use crate::permit::{Action, Operator, Permit, authorise};

/// Who is at the other end of a connection, as the system says.
#[derive(Debug, Clone)]
pub(super) enum Caller {
    /// Somebody who may call.
    Known(Operator),
    /// Somebody who may not: every request is refused.
    Barred(Refused),
}

impl Caller {
    /// Asks the system who connected, and `users` whether they may call. May wait for the
    /// system's directory of users.
    pub(super) async fn of(stream: &UnixStream, users: &[u32]) -> Self {
        let uid = match stream.peer_cred() {
            Ok(credentials) => credentials.uid(),
            Err(error) => {
                let detail = format!("the system does not say who calls: {error}");
                return Self::Barred(Refused::new(ProblemKind::Forbidden, detail));
            }
        };
        let lookup = tokio::task::spawn_blocking(move || User::from_uid(Uid::from_raw(uid)));
        let name = match lookup.await {
            Ok(Ok(Some(user))) => Some(user.name),
            _ => None,
        };
        if is_allowed(uid, users) {
            return Self::Known(Operator::Local { uid, name });
        }
        let actor = Operator::Local { uid, name }.actor();
        log::warn!("{actor} called the API and is not among `api.users`");
        let detail = format!("{actor} is not among `api.users` in `site.toml`");
        Self::Barred(Refused::new(ProblemKind::Forbidden, detail))
    }
}

fn is_allowed(uid: u32, users: &[u32]) -> bool {
    users.is_empty() || uid == 0 || uid == geteuid().as_raw() || users.contains(&uid)
}

/// A permit for the action `A`. A handler that takes none cannot touch what demands one.
#[derive(Debug)]
pub(super) struct May<A> {
    /// The permit.
    pub(super) permit: Permit,
    action: PhantomData<A>,
}

/// An action as a type.
pub(super) trait Asks {
    /// The action.
    const ACTION: Action;
}

macro_rules! actions {
    ($($name:ident),*) => {
        $(
            #[doc = concat!("[`Action::", stringify!($name), "`].")]
            #[derive(Debug)]
            pub(super) struct $name;

            impl Asks for $name {
                const ACTION: Action = Action::$name;
            }
        )*
    };
}

actions!(
    Read,
    ReadEvents,
    ChangeTable,
    OperateDoor,
    StandDoors,
    TuneBuses,
    ActivatePlans,
    KeyReaders,
    ErasePerson,
    Prove,
    BackUp
);

impl<S: Sync, A: Asks> FromRequestParts<S> for May<A> {
    type Rejection = Refused;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Refused> {
        let operator = match parts.extensions.get::<Caller>() {
            Some(Caller::Known(operator)) => operator,
            Some(Caller::Barred(refused)) => return Err(refused.clone()),
            None => {
                let detail = "nobody is signed in";
                return Err(Refused::new(ProblemKind::Forbidden, detail));
            }
        };
        match authorise(operator, A::ACTION) {
            Ok(permit) => Ok(Self {
                permit,
                action: PhantomData,
            }),
            Err(refusal) => {
                log::warn!("{refusal}");
                Err(Refused::new(ProblemKind::Forbidden, refusal.to_string()))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn root_the_daemon_and_those_named_may_call() {
        let check = |uid: u32, users: &[u32], expect: bool| {
            assert_eq!(is_allowed(uid, users), expect, "{uid} {users:?}");
        };
        let other = 4_000_000_001;
        check(other, &[], true);
        check(other, &[1], false);
        check(other, &[1, other], true);
        check(0, &[1], true);
        check(geteuid().as_raw(), &[1], true);
    }
}
