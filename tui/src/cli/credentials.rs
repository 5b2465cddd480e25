//! `doorward credentials`

use std::io::{self, Write};

use doorward_api::{ListQuery, PAGE_MAX};
use doorward_core::ids::{CredentialId, UserId};
use doorward_core::model::{Credential, CredentialData, User};
use jiff::tz::TimeZone;
use serde_json::json;

use super::args::{CredentialDataArgs, CredentialsAction};
use super::context::Context;
use super::failure::Failure;
use super::table::Table;
use super::{enrol, names, time};
use crate::text;

pub(super) async fn run(
    context: &mut Context,
    action: Option<CredentialsAction>,
) -> Result<(), Failure> {
    match action.unwrap_or(CredentialsAction::List { user: None }) {
        CredentialsAction::List { user } => list(context, user.as_deref()).await,
        CredentialsAction::Add {
            user,
            data,
            state,
            from,
            until,
            label,
        } => {
            let credential = Credential {
                id: CredentialId(0),
                user: holder(context, user.as_deref()).await?,
                data: data_of(&data)?,
                state: state.into(),
                valid_from: context.time(from.as_deref())?,
                valid_until: context.time(until.as_deref())?,
                label,
            };
            add(context, &credential).await
        }
        CredentialsAction::Pin {
            user,
            duress,
            label,
        } => enrol::pin(context, user.as_deref(), duress, &label).await,
        CredentialsAction::Learn { reader, enrol } => enrol::learn(context, &reader, &enrol).await,
        CredentialsAction::Enrol { event, enrol } => enrol::enrol(context, event, &enrol).await,
        CredentialsAction::Edit {
            credential,
            user,
            spare,
            state,
            until,
            label,
        } => {
            if user.is_none() && !spare && state.is_none() && until.is_none() && label.is_none() {
                return Err(Failure::usage(
                    "nothing to change was given; see `doorward credentials edit --help`",
                ));
            }
            let user = holder(context, user.as_deref()).await?;
            let until = context.time(until.as_deref())?;
            let change = |credential: &mut Credential| {
                if user.is_some() || spare {
                    credential.user = user;
                }
                if let Some(state) = state {
                    credential.state = state.into();
                }
                if until.is_some() {
                    credential.valid_until = until;
                }
                if let Some(label) = &label {
                    credential.label.clone_from(label);
                }
            };
            edit(context, CredentialId(credential), change).await
        }
        CredentialsAction::Remove { credential, yes } => {
            remove(context, CredentialId(credential), yes).await
        }
    }
}

async fn holder(context: &Context, name: Option<&str>) -> Result<Option<UserId>, Failure> {
    match name {
        Some(name) => Ok(Some(names::find::<User>(&context.client, name).await?.id)),
        None => Ok(None),
    }
}

fn data_of(data: &CredentialDataArgs) -> Result<CredentialData, Failure> {
    match (data.card, data.phone, data.bits) {
        (Some(card), None, None) => Ok(CredentialData::Card(card)),
        (None, Some(phone), None) => Ok(CredentialData::Phone(phone)),
        (None, None, Some(bits)) => Ok(CredentialData::RawCard { bits }),
        _ => Err(Failure::usage(
            "give one of `--card`, `--phone` and `--bits`",
        )),
    }
}

async fn list(context: &mut Context, user: Option<&str>) -> Result<(), Failure> {
    let query = ListQuery {
        limit: Some(PAGE_MAX),
        ..ListQuery::default()
    };
    let credentials = match holder(context, user).await? {
        Some(user) => context.client.user_credentials(user, &query).await?.items,
        None => context.client.list_all::<Credential>().await?,
    };
    if context.json {
        return context.print_json(&json!({ "credentials": credentials }));
    }
    let users = context.client.list_all::<User>().await?;
    Ok(write_list(
        &mut context.out,
        &credentials,
        &users,
        &context.zone,
    )?)
}

async fn add(context: &mut Context, credential: &Credential) -> Result<(), Failure> {
    let saved = context.client.create(credential).await?;
    if context.json {
        return context.print_json(&saved);
    }
    let words = in_words(&saved.record, &context.zone);
    context.print(format_args!(
        "credential #{} is added: {words}",
        saved.record.id
    ))?;
    context.warn(&saved.warnings)
}

async fn edit(
    context: &mut Context,
    id: CredentialId,
    change: impl Fn(&mut Credential),
) -> Result<(), Failure> {
    let saved = context.edit::<Credential>(id, change).await?;
    if context.json {
        return context.print_json(&saved);
    }
    let words = in_words(&saved.record, &context.zone);
    context.print(format_args!("credential #{id} is changed: {words}"))?;
    context.warn(&saved.warnings)
}

async fn remove(context: &mut Context, id: CredentialId, yes: bool) -> Result<(), Failure> {
    let credential: Credential = context.client.record(id).await?;
    let words = in_words(&credential, &context.zone);
    context.confirm(
        &format!("Remove credential #{id} ({words})? It opens nothing any more."),
        yes,
    )?;
    let applied = context.client.delete::<Credential>(id).await?;
    if context.json {
        return context.print_json(&applied);
    }
    context.print(format_args!("credential #{id} is removed"))
}

/// What the reader sends, as people write it.
pub(crate) fn number(data: &CredentialData) -> String {
    match data {
        CredentialData::Card(number) | CredentialData::Phone(number) => number.to_string(),
        CredentialData::RawCard { bits } => format!("{} bits", bits.len()),
        CredentialData::Pin { .. } => "••••".to_owned(),
    }
}

/// A credential on one line.
pub(crate) fn in_words(credential: &Credential, zone: &TimeZone) -> String {
    let kind = text::credential_kind(&credential.data);
    let number = number(&credential.data);
    let state = text::credential_state(credential.state);
    let mut words = format!("{kind} {number}, {state}");
    if credential.valid_from.is_some() || credential.valid_until.is_some() {
        let validity = time::interval(credential.valid_from, credential.valid_until, zone);
        words.push_str(&format!(", {validity}"));
    }
    if !credential.label.is_empty() {
        words.push_str(&format!(", \"{}\"", credential.label));
    }
    words
}

fn write_list(
    out: &mut dyn Write,
    credentials: &[Credential],
    users: &[User],
    zone: &TimeZone,
) -> io::Result<()> {
    if credentials.is_empty() {
        return writeln!(out, "no credentials");
    }
    let mut table = Table::new(&["ID", "HOLDER", "KIND", "NUMBER", "STATE", "VALID", "LABEL"]);
    for credential in credentials {
        let holder = match credential.user {
            Some(id) => {
                // Lists come in the order of the numbers.
                let at = users.binary_search_by_key(&id, |user| user.id);
                at.map_or_else(|_| text::unknown_user(id), |at| users[at].full_name())
            }
            None => "spare".to_owned(),
        };
        table.row(&[
            credential.id.to_string(),
            holder,
            text::credential_kind(&credential.data).to_owned(),
            number(&credential.data),
            text::credential_state(credential.state).to_owned(),
            time::interval(credential.valid_from, credential.valid_until, zone),
            credential.label.clone(),
        ]);
    }
    table.write(out)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::console::sample;

    #[test]
    fn a_list_of_credentials() {
        let mut out = Vec::new();
        let credentials = sample::credentials();
        write_list(&mut out, &credentials, &sample::users(), &TimeZone::UTC).unwrap();
        insta::assert_snapshot!(String::from_utf8(out).unwrap());
    }
}
