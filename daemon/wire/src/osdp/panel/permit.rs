//! Which commands a PD is sent.

use super::event::SendError;
use super::link::Link;
use crate::osdp::command::Command;
use crate::osdp::frame::{HEADER_LEN, MAC_LEN, MAX_FRAME};
use crate::osdp::identity::Function;

/// Whether `command` may be queued for `link`.
pub(super) fn permit(link: &Link, command: &Command) -> Result<(), SendError> {
    let address = link.address;
    command.validate()?;
    match command {
        Command::Poll | Command::Challenge(_) | Command::ServerCryptogram(_) => {
            return Err(SendError::Reserved(command.name()));
        }
        Command::KeySet(_) if !link.is_secure() => {
            return Err(SendError::NeedsSecureChannel(address));
        }
        Command::KeySet(key) if key.is_weak() => return Err(SendError::WeakKey),
        Command::KeySet(_) if !link.candidates.is_empty() => {
            return Err(SendError::KeyPending(address));
        }
        _ => {}
    }
    let Some(presence) = link.presence() else {
        return Err(SendError::Offline(address));
    };
    let Some(capabilities) = presence.capabilities else {
        return Ok(());
    };
    if let Some(function) = needed_function(command).filter(|function| !capabilities.has(*function))
    {
        return Err(SendError::Unsupported { address, function });
    }
    let mut body = Vec::new();
    command.encode(&mut body)?;
    // The worst case: encrypted, padded, with MAC and CRC.
    let found = HEADER_LEN + 2 + 1 + body.len().next_multiple_of(16) + MAC_LEN + 2;
    let allowed = capabilities.receive_buffer().min(MAX_FRAME);
    if found > allowed {
        return Err(SendError::TooLong {
            command: command.name(),
            found,
            allowed,
        });
    }
    Ok(())
}

const fn needed_function(command: &Command) -> Option<Function> {
    Some(match command {
        Command::InputStatus => Function::ContactStatus,
        Command::OutputStatus | Command::Output(_) => Function::OutputControl,
        Command::Led(_) => Function::Led,
        Command::Buzzer(_) => Function::Buzzer,
        Command::Text(_) => Function::Text,
        Command::KeySet(_) => Function::Security,
        _ => return None,
    })
}
