//! PINs on their way in: whoever sends digits has them turned into their print before anything
//! else looks at them.

use doorward_core::model::Problems;
use doorward_core::pin::{Pin, PinKey};
use serde_json::{Map, Value};

use super::refused::Refused;

/// Puts the print in the place of the digits of each PIN in a body: of each object with
/// `"kind": "pin"` and a field `pin`. Tells every PIN that is none.
pub(super) fn seal(fields: &mut Map<String, Value>, key: &PinKey) -> Result<(), Refused> {
    let mut problems = Problems::default();
    seal_object(fields, key, &mut String::new(), &mut problems);
    match problems.into_result() {
        Ok(()) => Ok(()),
        Err(problems) => Err(Refused::fields(problems.0)),
    }
}

fn seal_object(
    fields: &mut Map<String, Value>,
    key: &PinKey,
    path: &mut String,
    problems: &mut Problems,
) {
    let is_pin = fields.get("kind").and_then(Value::as_str) == Some("pin");
    if is_pin && let Some(digits) = fields.remove("pin") {
        let field = if path.is_empty() {
            "pin".to_owned()
        } else {
            format!("{path}.pin")
        };
        if fields.contains_key("print") {
            problems.add(field, "is given beside `print`; one of them is enough");
        } else {
            match digits.as_str().map(str::parse::<Pin>) {
                Some(Ok(pin)) => {
                    fields.insert("print".to_owned(), key.print(&pin).to_string().into());
                }
                Some(Err(error)) => problems.add(field, error.to_string()),
                None => problems.add(field, "is not a text of digits"),
            }
        }
    }
    for (name, value) in fields {
        let length = path.len();
        if length > 0 {
            path.push('.');
        }
        path.push_str(name);
        seal_value(value, key, path, problems);
        path.truncate(length);
    }
}

fn seal_value(value: &mut Value, key: &PinKey, path: &mut String, problems: &mut Problems) {
    match value {
        Value::Object(fields) => seal_object(fields, key, path, problems),
        Value::Array(items) => {
            for (at, item) in items.iter_mut().enumerate() {
                let length = path.len();
                path.push_str(&format!("[{at}]"));
                seal_value(item, key, path, problems);
                path.truncate(length);
            }
        }
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn sealed(body: Value) -> Result<Value, Vec<String>> {
        let Value::Object(mut fields) = body else {
            unreachable!("a body is an object")
        };
        match seal(&mut fields, &PinKey::new([7; 32])) {
            Ok(()) => Ok(Value::Object(fields)),
            Err(refused) => Err(refused
                .problem()
                .problems
                .iter()
                .map(|problem| format!("{}: {}", problem.field, problem.message))
                .collect()),
        }
    }

    #[test]
    fn digits_become_a_print_wherever_they_are() {
        let print = PinKey::new([7; 32])
            .print(&"1234".parse().unwrap())
            .to_string();
        let sent = json!({"label": "1234", "data": {"kind": "pin", "pin": "1234"}});
        let stored = json!({"label": "1234", "data": {"kind": "pin", "print": print}});
        assert_eq!(sealed(sent.clone()), Ok(stored.clone()));
        let steps =
            |record| json!({"changes": [{"put": {"kind": "credential", "record": record}}]});
        assert_eq!(sealed(steps(sent)), Ok(steps(stored)));
    }

    #[test]
    fn what_is_no_pin_is_told_without_its_digits() {
        let pin = |pin: Value| json!({"data": {"kind": "pin", "pin": pin}});
        for (body, expect) in [
            (
                pin("12".into()),
                "data.pin: a PIN has 4 to 12 digits, found 2 characters",
            ),
            (pin("12x4".into()), "data.pin: a PIN has digits only"),
            (pin(1234.into()), "data.pin: is not a text of digits"),
            (
                json!({"data": {"kind": "pin", "pin": "1234", "print": "0"}}),
                "data.pin: is given beside `print`; one of them is enough",
            ),
        ] {
            assert_eq!(sealed(body), Err(vec![expect.to_owned()]));
        }
    }
}
