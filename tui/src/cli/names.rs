//! Finding doors, users, keys and schedules by number, name, or the beginning of a name.

use doorward_api::{Client, ClientError, ListQuery, PAGE_MAX, ProblemKind, Resource};
use doorward_core::model::{
    Area, Company, Door, DoorGroup, HolidaySet, Key, Place, Schedule, User, UserState,
};

use super::failure::Failure;

/// Candidates told when a name is ambiguous or unknown.
const CANDIDATES_MAX: usize = 10;

/// A record that people call by a name.
pub(super) trait Named: Resource {
    /// What it is, in messages.
    const WORD: &'static str;

    /// The command that works with them.
    fn command() -> String {
        format!("{}s", Self::WORD)
    }

    /// Its name.
    fn name(&self) -> String;

    /// Other names that fit only whole, such as an e-mail address.
    fn other_name(&self) -> Option<&str> {
        None
    }

    /// Whether it is out of the way of others with the same name.
    fn is_gone(&self) -> bool {
        false
    }
}

impl Named for Door {
    const WORD: &'static str = "door";
    fn name(&self) -> String {
        self.name.clone()
    }
}

impl Named for Key {
    const WORD: &'static str = "key";
    fn name(&self) -> String {
        self.name.clone()
    }
}

impl Named for Schedule {
    const WORD: &'static str = "schedule";
    fn name(&self) -> String {
        self.name.clone()
    }
}

impl Named for Place {
    const WORD: &'static str = "place";
    fn name(&self) -> String {
        self.name.clone()
    }
}

impl Named for DoorGroup {
    const WORD: &'static str = "door group";
    fn name(&self) -> String {
        self.name.clone()
    }
}

impl Named for Company {
    const WORD: &'static str = "company";
    fn name(&self) -> String {
        self.name.clone()
    }
}

impl Named for Area {
    const WORD: &'static str = "area";
    fn name(&self) -> String {
        self.name.clone()
    }
}

impl Named for HolidaySet {
    const WORD: &'static str = "holiday set";
    fn command() -> String {
        "holidays".to_owned()
    }
    fn name(&self) -> String {
        self.name.clone()
    }
}

impl Named for User {
    const WORD: &'static str = "user";
    fn name(&self) -> String {
        self.full_name()
    }
    fn other_name(&self) -> Option<&str> {
        self.email.as_deref()
    }
    fn is_gone(&self) -> bool {
        self.state == UserState::Removed
    }
}

/// The record that `text` names.
pub(super) async fn find<R: Named>(client: &Client, text: &str) -> Result<R, Failure> {
    let text = text.trim();
    if let Some(digits) = text.strip_prefix('#') {
        let id = super::parse::id(digits).map_err(Failure::usage)?;
        let found = by_id(client, id).await?;
        return found.ok_or_else(|| Failure::data(format_args!("there is no {} #{id}", R::WORD)));
    }
    if text.is_empty() {
        return Err(Failure::usage(format_args!(
            "the {}'s name is empty",
            R::WORD
        )));
    }
    let numbered = match text.parse::<u32>() {
        Ok(id) => by_id::<R>(client, id).await?,
        Err(_) => None,
    };
    let named = search(client, text).await?;
    match choose(numbered, named, text) {
        Choice::One(record) => Ok(*record),
        Choice::Several(records) => Err(ambiguous(text, &records)),
        Choice::None => Err(unknown::<R>(client, text).await),
    }
}

async fn by_id<R: Named>(client: &Client, id: u32) -> Result<Option<R>, Failure> {
    match client.record::<R>(id.into()).await {
        Ok(record) => Ok(Some(record)),
        Err(ClientError::Problem(problem)) if problem.kind == ProblemKind::NotFound => Ok(None),
        Err(error) => Err(error.into()),
    }
}

/// Every record with the longest word of `text` somewhere: all that could be meant, and more.
async fn search<R: Named>(client: &Client, text: &str) -> Result<Vec<R>, Failure> {
    let longest = text
        .split_whitespace()
        .max_by_key(|word| word.chars().count());
    let word: String = longest.unwrap_or(text).chars().take(100).collect();
    let mut query = ListQuery {
        limit: Some(PAGE_MAX),
        q: Some(word),
        ..ListQuery::default()
    };
    let mut found = Vec::new();
    loop {
        let page = client.list::<R>(&query).await?;
        found.extend(page.items);
        match page.next {
            Some(next) => query = query.after(next),
            None => return Ok(found),
        }
    }
}

enum Choice<R> {
    None,
    One(Box<R>),
    Several(Vec<R>),
}

/// A whole name goes before the beginning of one; those that are gone go behind all others.
fn choose<R: Named>(numbered: Option<R>, candidates: Vec<R>, text: &str) -> Choice<R> {
    let wanted = text.to_lowercase();
    let number = numbered.as_ref().map(|record| record.id().into());
    let (whole, rest): (Vec<R>, Vec<R>) = candidates
        .into_iter()
        .filter(|record| Some(record.id().into()) != number)
        .partition(|record| {
            let other = record.other_name().map(str::to_lowercase);
            record.name().to_lowercase() == wanted || other.as_ref() == Some(&wanted)
        });
    let mut fitting: Vec<R> = numbered.into_iter().chain(whole).collect();
    if fitting.is_empty() {
        let begins = |record: &R| record.name().to_lowercase().starts_with(&wanted);
        fitting = rest.into_iter().filter(begins).collect();
    }
    if fitting.iter().any(|record| !record.is_gone()) {
        fitting.retain(|record| !record.is_gone());
    }
    match fitting.len() {
        0 => Choice::None,
        1 => fitting
            .pop()
            .map_or(Choice::None, |record| Choice::One(Box::new(record))),
        _ => Choice::Several(fitting),
    }
}

fn ambiguous<R: Named>(text: &str, records: &[R]) -> Failure {
    Failure::data(format_args!(
        "`{text}` fits {} {}s; name one by its number:{}",
        records.len(),
        R::WORD,
        listed(records)
    ))
}

fn listed<R: Named>(records: &[R]) -> String {
    let mut lines = String::new();
    for record in records.iter().take(CANDIDATES_MAX) {
        let name = crate::text::printable(&record.name());
        lines.push_str(&format!("\n  #{} {name}", record.id()));
        if let Some(other) = record.other_name() {
            lines.push_str(&format!(" <{}>", crate::text::printable(other)));
        }
    }
    if records.len() > CANDIDATES_MAX {
        lines.push_str(&format!(
            "\n  … and {} more",
            records.len() - CANDIDATES_MAX
        ));
    }
    lines
}

/// Says that there is none, and what there is when that is little.
async fn unknown<R: Named>(client: &Client, text: &str) -> Failure {
    let query = ListQuery {
        limit: Some(u32::try_from(CANDIDATES_MAX).unwrap_or(1)),
        ..ListQuery::default()
    };
    let known = match client.list::<R>(&query).await {
        Ok(page) if page.next.is_none() && !page.items.is_empty() => {
            format!("; there are:{}", listed(&page.items))
        }
        Ok(page) if page.items.is_empty() => format!("; there are no {}s yet", R::WORD),
        _ => format!("; `doorward {} list` shows all", R::command()),
    };
    Failure::data(format_args!(
        "there is no {} named `{text}`{known}",
        R::WORD
    ))
}

#[cfg(test)]
mod tests {
    use super::*;
    use doorward_core::ids::UserId;

    fn user(id: u32, first: &str, last: &str, email: Option<&str>, state: UserState) -> User {
        User {
            id: UserId(id),
            first_name: first.to_owned(),
            last_name: last.to_owned(),
            email: email.map(str::to_owned),
            department: String::new(),
            state,
            extended_unlock: false,
            ..User::default()
        }
    }

    fn users() -> Vec<User> {
        let active = UserState::Active;
        vec![
            user(1, "Anna", "Berg", Some("anna@example.org"), active),
            user(2, "Anna", "Bergman", None, active),
            user(3, "Bo", "Ek", None, UserState::Removed),
            user(4, "Bo", "Ek", None, active),
            user(7, "4", "", None, active),
        ]
    }

    fn check(text: &str, number: Option<u32>, expect: &[u32]) {
        let numbered = number.and_then(|id| users().into_iter().find(|user| user.id.0 == id));
        let found = match choose(numbered, users(), text) {
            Choice::None => vec![],
            Choice::One(user) => vec![user.id.0],
            Choice::Several(users) => users.iter().map(|user| user.id.0).collect(),
        };
        assert_eq!(found, expect, "{text}");
    }

    #[test]
    fn a_whole_name_goes_before_its_beginning() {
        check("anna berg", None, &[1]);
        check("ANNA@EXAMPLE.ORG", None, &[1]);
        check("anna", None, &[1, 2]);
        check("anna bergm", None, &[2]);
        check("carl", None, &[]);
        check("berg", None, &[]);
    }

    #[test]
    fn who_is_gone_does_not_make_a_name_ambiguous() {
        check("Bo Ek", None, &[4]);
        check("bo", None, &[4]);
    }

    #[test]
    fn a_number_that_is_also_a_name_is_ambiguous() {
        check("4", Some(4), &[4, 7]);
        check("4", None, &[7]);
        check("2", Some(2), &[2]);
    }

    #[test]
    fn candidates_are_listed_with_their_numbers() {
        let Failure::Said { message, .. } = ambiguous("anna", &users()[..2]) else {
            panic!("nobody is told");
        };
        let expect = "`anna` fits 2 users; name one by its number:\n  #1 Anna Berg <anna@example.org>\n  #2 Anna Bergman";
        assert_eq!(message, expect);
    }
}
