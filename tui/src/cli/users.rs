//! `doorward users`

use std::io::{self, Write};

use doorward_api::{ListQuery, PAGE_MAX};
use doorward_core::ids::{CompanyId, PlaceId, UserId};
use doorward_core::model::{
    Change, Company, Credential, CredentialState, Door, Place, Record, RecordRef, User, UserState,
};
use jiff::tz::TimeZone;
use serde_json::json;

use super::args::{UserFields, UserStateArg, UsersAction};
use super::context::Context;
use super::failure::Failure;
use super::held::{self, HeldKey};
use super::table::{Fields, Table};
use super::{credentials, names};
use crate::text;

pub(super) async fn run(context: &mut Context, action: Option<UsersAction>) -> Result<(), Failure> {
    let list_all = UsersAction::List {
        filter: None,
        state: None,
    };
    match action.unwrap_or(list_all) {
        UsersAction::List { filter, state } => list(context, filter.as_deref(), state).await,
        UsersAction::Show { user } => show(context, &user).await,
        UsersAction::Add(fields) => add(context, fields).await,
        UsersAction::Edit { user, fields } => edit(context, &user, fields).await,
        UsersAction::RevokeKeys { user, yes } => revoke_keys(context, &user, yes).await,
        UsersAction::Erase { user, yes } => erase(context, &user, yes).await,
        UsersAction::Remove { user, yes } => remove(context, &user, yes).await,
    }
}

async fn list(
    context: &mut Context,
    filter: Option<&str>,
    state: Option<UserStateArg>,
) -> Result<(), Failure> {
    let state = state.map(UserState::from);
    let mut users = context.client.list_all::<User>().await?;
    users.retain(|user| state.is_none_or(|state| user.state == state) && fits(user, filter));
    if context.json {
        return context.print_json(&json!({ "users": users }));
    }
    Ok(write_list(&mut context.out, &users)?)
}

/// Whether every word of the filter is in name, e-mail or department, in any case.
fn fits(user: &User, filter: Option<&str>) -> bool {
    let Some(filter) = filter else { return true };
    let email = user.email.as_deref().unwrap_or_default();
    let text = format!("{}\n{email}\n{}", user.full_name(), user.department).to_lowercase();
    filter
        .to_lowercase()
        .split_whitespace()
        .all(|word| text.contains(word))
}

async fn show(context: &mut Context, name: &str) -> Result<(), Failure> {
    let user: User = names::find(&context.client, name).await?;
    let whole = Whole::load(context, user).await?;
    if context.json {
        let keys: Vec<_> = whole
            .keys
            .iter()
            .map(|held| json!({ "grant": held.grant, "key": held.key, "schedule": held.schedule }))
            .collect();
        return context.print_json(&json!({
            "user": whole.user,
            "keys": keys,
            "credentials": whole.credentials,
            "doors": whole.doors,
        }));
    }
    Ok(write_user(&mut context.out, &whole, &context.zone)?)
}

/// A user with all that hangs on them.
struct Whole {
    user: User,
    keys: Vec<HeldKey>,
    credentials: Vec<Credential>,
    doors: Vec<Door>,
}

impl Whole {
    async fn load(context: &Context, user: User) -> Result<Self, Failure> {
        let most = ListQuery {
            limit: Some(PAGE_MAX),
            ..ListQuery::default()
        };
        let client = &context.client;
        let keys = held::keys(client, user.id).await?;
        let credentials = client.user_credentials(user.id, &most).await?.items;
        let doors = client.user_doors(user.id, &most).await?.items;
        Ok(Self {
            user,
            keys,
            credentials,
            doors: doors.into_iter().map(|row| row.door).collect(),
        })
    }
}

async fn add(context: &mut Context, fields: UserFields) -> Result<(), Failure> {
    if fields.first.is_none() && fields.last.is_none() {
        return Err(Failure::usage(
            "a user needs a name: give `--first`, `--last` or both",
        ));
    }
    let mut user = User {
        id: UserId(0),
        first_name: String::new(),
        last_name: String::new(),
        email: None,
        department: String::new(),
        state: UserState::Active,
        extended_unlock: false,
        ..User::default()
    };
    let belongs = Belongs::find(context, &fields).await?;
    set(&mut user, &fields, &belongs);
    let saved = context.client.create(&user).await?;
    if context.json {
        return context.print_json(&saved);
    }
    let user = saved.record;
    context.print(format_args!("{} is user #{}", user.full_name(), user.id))
}

async fn edit(context: &mut Context, name: &str, fields: UserFields) -> Result<(), Failure> {
    let nothing = fields.first.is_none()
        && fields.last.is_none()
        && fields.email.is_none()
        && fields.department.is_none()
        && fields.place.is_none()
        && fields.company.is_none()
        && fields.state.is_none()
        && fields.extended_unlock.is_none();
    if nothing {
        return Err(Failure::usage(
            "nothing to change was given; see `doorward users edit --help`",
        ));
    }
    let user: User = names::find(&context.client, name).await?;
    let belongs = Belongs::find(context, &fields).await?;
    let saved = context
        .edit::<User>(user.id, |user| set(user, &fields, &belongs))
        .await?;
    if context.json {
        return context.print_json(&saved);
    }
    let user = saved.record;
    context.print(format_args!(
        "{} (#{}) is changed, {}",
        user.full_name(),
        user.id,
        text::user_state(user.state)
    ))
}

/// Where a user belongs from now on, as far as it was given.
struct Belongs {
    place: Option<Option<PlaceId>>,
    company: Option<Option<CompanyId>>,
}

impl Belongs {
    async fn find(context: &Context, fields: &UserFields) -> Result<Self, Failure> {
        let place = match fields.place.as_deref() {
            None => None,
            Some("") => Some(None),
            Some(name) => Some(Some(names::find::<Place>(&context.client, name).await?.id)),
        };
        let company = match fields.company.as_deref() {
            None => None,
            Some("") => Some(None),
            Some(name) => Some(Some(
                names::find::<Company>(&context.client, name).await?.id,
            )),
        };
        Ok(Self { place, company })
    }
}

fn set(user: &mut User, fields: &UserFields, belongs: &Belongs) {
    user.place = belongs.place.unwrap_or(user.place);
    user.company = belongs.company.unwrap_or(user.company);
    let copy = |field: &mut String, given: &Option<String>| {
        if let Some(given) = given {
            field.clone_from(given);
        }
    };
    copy(&mut user.first_name, &fields.first);
    copy(&mut user.last_name, &fields.last);
    copy(&mut user.department, &fields.department);
    if let Some(email) = &fields.email {
        user.email = Some(email.clone()).filter(|email| !email.is_empty());
    }
    if let Some(state) = fields.state {
        user.state = state.into();
    }
    if let Some(extended) = fields.extended_unlock {
        user.extended_unlock = extended;
    }
}

async fn revoke_keys(context: &mut Context, name: &str, yes: bool) -> Result<(), Failure> {
    let user: User = names::find(&context.client, name).await?;
    let before = context.client.revoke_all_of(user.id, true).await?;
    let keys = text::count(before.removed.len(), "key");
    let question = format!("Take {keys} from {} (#{})?", user.full_name(), user.id);
    context.confirm(&question, yes)?;
    let applied = context.client.revoke_all_of(user.id, false).await?;
    if context.json {
        return context.print_json(&applied);
    }
    let keys = text::count(applied.removed.len(), "key");
    context.print(format_args!("{keys} taken from {}", user.full_name()))
}

async fn remove(context: &mut Context, name: &str, yes: bool) -> Result<(), Failure> {
    let revision = context.client.status().await?.revision;
    let user: User = names::find(&context.client, name).await?;
    let whole = Whole::load(context, user).await?;
    let question = format!(
        "Remove {} (#{})? {} and {} stop opening doors at once; the log stays.",
        whole.user.full_name(),
        whole.user.id,
        text::count(whole.keys.len(), "key"),
        text::count(whole.credentials.len(), "credential"),
    );
    context.confirm(&question, yes)?;
    let name = whole.user.full_name();
    // Under the revision that was shown: whoever changed the user meanwhile is not overruled.
    let applied = context.apply(removal(whole), Some(revision)).await?;
    if context.json {
        return context.print_json(&applied);
    }
    context.print(format_args!("{name} is removed"))
}

/// Erases a person. Whoever was removed with their record is known by number only.
async fn erase(context: &mut Context, name: &str, yes: bool) -> Result<(), Failure> {
    let number = name
        .strip_prefix('#')
        .and_then(|digits| digits.parse().ok());
    let (id, name) = match (names::find::<User>(&context.client, name).await, number) {
        (Ok(user), _) => (user.id, user.full_name()),
        (Err(_), Some(number)) => (UserId(number), format!("user #{number}")),
        (Err(failure), None) => return Err(failure),
    };
    let question = format!(
        "Erase {name} (#{id})? The user, their keys and cards go, and both logs forget who it was. \
         Backups made before still know. This cannot be undone."
    );
    context.confirm(&question, yes)?;
    context.client.erase_user(id).await?;
    if context.json {
        return context.print_json(&json!({ "erased": id }));
    }
    context.print(format_args!(
        "{name} is erased; the logs follow in the background (`doorward status` says when)"
    ))
}

/// One change that takes all keys, takes the credentials back and marks the user as removed. The
/// record stays, so that the log still knows the name.
fn removal(whole: Whole) -> Vec<Change> {
    let mut user = whole.user;
    user.state = UserState::Removed;
    let grants = whole.keys.into_iter().map(|held| {
        Change::Remove(RecordRef::Grant {
            user: held.grant.user,
            key: held.grant.key,
        })
    });
    let credentials = whole.credentials.into_iter().map(|mut credential| {
        credential.state = CredentialState::Removed;
        Change::Put(Record::Credential(credential))
    });
    grants
        .chain(credentials)
        .chain([Change::Put(Record::User(user))])
        .collect()
}

fn write_list(out: &mut dyn Write, users: &[User]) -> io::Result<()> {
    if users.is_empty() {
        return writeln!(out, "no users");
    }
    let mut table = Table::new(&["ID", "NAME", "STATE", "E-MAIL", "DEPARTMENT"]);
    for user in users {
        table.row(&[
            user.id.to_string(),
            user.full_name(),
            text::user_state(user.state).to_owned(),
            user.email.clone().unwrap_or_default(),
            user.department.clone(),
        ]);
    }
    table.write(out)
}

fn write_user(out: &mut dyn Write, whole: &Whole, zone: &TimeZone) -> io::Result<()> {
    let user = &whole.user;
    let mut fields = Fields::default();
    fields.add("User", format!("{} (#{})", user.full_name(), user.id));
    fields.add("State", text::user_state(user.state));
    fields.add("E-mail", user.email.as_deref().unwrap_or(text::NONE));
    let department = Some(user.department.as_str()).filter(|text| !text.is_empty());
    fields.add("Department", department.unwrap_or(text::NONE));
    fields.add(
        "Unlock time",
        if user.extended_unlock {
            "extended"
        } else {
            "normal"
        },
    );
    let keys: Vec<String> = whole
        .keys
        .iter()
        .map(|held| {
            format!(
                "{} (#{}), {}",
                held.name(),
                held.grant.key,
                held.validity(zone)
            )
        })
        .collect();
    fields.add_all("Keys", &keys);
    let shown: Vec<String> = whole
        .credentials
        .iter()
        .map(|credential| credentials::in_words(credential, zone))
        .collect();
    fields.add_all("Credentials", &shown);
    let doors: Vec<String> = whole.doors.iter().map(|door| door.name.clone()).collect();
    fields.add_all("Doors", &doors);
    fields.write(out)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::console::sample;

    #[test]
    fn a_list_of_users() {
        let mut out = Vec::new();
        write_list(&mut out, &sample::users()).unwrap();
        insta::assert_snapshot!(String::from_utf8(out).unwrap());
    }

    fn whole() -> Whole {
        let detail = sample::user_detail();
        Whole {
            user: detail.user,
            keys: detail.keys,
            credentials: detail.credentials,
            doors: detail.doors,
        }
    }

    #[test]
    fn one_user() {
        let mut out = Vec::new();
        write_user(&mut out, &whole(), &TimeZone::UTC).unwrap();
        insta::assert_snapshot!(String::from_utf8(out).unwrap());
    }

    #[test]
    fn removing_takes_keys_and_credentials_and_keeps_the_name() {
        let before = whole();
        let changes = removal(whole());
        let removed = changes
            .iter()
            .filter(|change| matches!(change, Change::Remove(RecordRef::Grant { .. })))
            .count();
        assert_eq!(removed, before.keys.len());
        for change in &changes {
            match change {
                Change::Put(Record::User(user)) => {
                    assert_eq!(user.state, UserState::Removed);
                    assert_eq!(user.full_name(), before.user.full_name());
                }
                Change::Put(Record::Credential(credential)) => {
                    assert_eq!(credential.state, CredentialState::Removed);
                }
                Change::Remove(RecordRef::Grant { .. }) => {}
                other => panic!("{other:?}"),
            }
        }
        assert_eq!(
            changes.len(),
            before.keys.len() + before.credentials.len() + 1
        );
    }

    #[test]
    fn filters_fit_every_word_in_any_case() {
        let user = &sample::users()[0];
        assert!(fits(user, None));
        assert!(fits(user, Some("BERG anna")));
        assert!(fits(user, Some("example.org")));
        assert!(!fits(user, Some("anna nobody")));
    }
}
