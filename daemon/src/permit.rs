//! Proof that an operator may do what they ask for.

use doorward_core::ids::{Actor, DoorId, UserId};

/// Who asks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Operator {
    /// A process on this machine, known by the credentials of its socket.
    Local {
        /// Its user id.
        uid: u32,
        /// The user's name, where the system knows it.
        name: Option<String>,
    },
    /// The appliance itself: first start, demo site, migrations.
    Appliance,
    /// A holder at a door, by a key that allows it.
    AtDoor {
        /// The holder, where known.
        user: Option<UserId>,
        /// Where.
        door: DoorId,
    },
}

impl Operator {
    /// The name written to the logs.
    #[must_use]
    pub fn actor(&self) -> Actor {
        match self {
            Self::Local {
                uid,
                name: Some(name),
            } => format!("uid {uid} ({name})").as_str().into(),
            Self::Local { uid, name: None } => format!("uid {uid}").as_str().into(),
            Self::Appliance => "appliance".into(),
            Self::AtDoor {
                user: Some(user),
                door,
            } => format!("user {user} at door {door}").as_str().into(),
            Self::AtDoor { user: None, door } => format!("door {door}").as_str().into(),
        }
    }
}

/// What is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Action {
    /// Read the access table and the live state.
    Read,
    /// Read the passage log.
    ReadEvents,
    /// Change the access table.
    ChangeTable,
    /// Operate a door: unlock it once.
    OperateDoor,
    /// Say how doors stand: modes, until somebody says otherwise.
    StandDoors,
    /// Find readers on OSDP buses, and raise their speed.
    TuneBuses,
    /// Put pending plans of doors in force.
    ActivatePlans,
    /// Give readers keys of their own.
    KeyReaders,
    /// Erase the personal data of somebody, for good.
    ErasePerson,
    /// Make backups, and break them off.
    BackUp,
    /// Check the store, and read both logs with what proves them.
    Prove,
}

impl Action {
    /// Whether it is done by a change of the table.
    #[must_use]
    pub const fn changes_table(self) -> bool {
        matches!(
            self,
            Self::ChangeTable | Self::StandDoors | Self::ActivatePlans
        )
    }
}

/// An action that was asked for and allowed. Cannot be made except by [`authorise`]; whatever
/// changes something demands one, so a forgotten check does not compile.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Permit {
    actor: Actor,
    action: Action,
}

impl Permit {
    /// Who was allowed.
    #[must_use]
    pub const fn actor(&self) -> &Actor {
        &self.actor
    }

    /// What was allowed.
    #[must_use]
    pub const fn action(&self) -> Action {
        self.action
    }
}

/// An action that was asked for and refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{actor} may not {action:?}")]
pub struct Refusal {
    /// Who asked.
    pub actor: Actor,
    /// For what.
    pub action: Action,
}

/// Decides whether `operator` may do `action`.
///
/// Whoever can open the socket, by its mode and group, administers the appliance; roles and
/// scopes refine this.
pub fn authorise(operator: &Operator, action: Action) -> Result<Permit, Refusal> {
    match operator {
        Operator::Local { .. } | Operator::Appliance => Ok(Permit {
            actor: operator.actor(),
            action,
        }),
        Operator::AtDoor { .. } if action == Action::ActivatePlans => Ok(Permit {
            actor: operator.actor(),
            action,
        }),
        Operator::AtDoor { .. } => Err(Refusal {
            actor: operator.actor(),
            action,
        }),
    }
}
