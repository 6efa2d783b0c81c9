//! Tables of names, held to what has these names.

use serde_json::Value;

use crate::stack::checkout;

fn text(place: &str) -> String {
    std::fs::read_to_string(checkout().join(place))
        .unwrap_or_else(|error| panic!("{place}: {error}"))
}

fn shared(name: &str) -> Value {
    serde_json::from_str(&text(&format!("infra/shared/{name}.json"))).unwrap()
}

/// The first cells of a table's rows, between backticks; the table is the one below `head`.
fn first_cells(page: &str, head: &str) -> Vec<String> {
    let table = page
        .split_once(head)
        .unwrap_or_else(|| panic!("there is no table {head:?}"))
        .1;
    let rows = table
        .lines()
        .skip(2)
        .take_while(|line| line.starts_with('|'));
    let cells = rows.map(|row| row.trim_start_matches('|').split_once('|').unwrap().0);
    cells
        .flat_map(|cell| cell.split('`').skip(1).step_by(2))
        .map(str::to_owned)
        .collect()
}

fn sorted(mut names: Vec<String>) -> Vec<String> {
    names.sort();
    names
}

#[test]
fn the_table_of_variables_is_the_list_that_the_stacks_share() {
    let (page, readme) = (text("docs/configuration.md"), text("README.md"));
    let (variables, inputs) = (shared("environment"), shared("inputs"));
    let mut names = Vec::new();
    for variable in variables.as_array().unwrap() {
        let name = variable["name"].as_str().unwrap();
        let default = match (&variable["default"], &variable["required"]) {
            (_, Value::Bool(true)) => "required".to_owned(),
            (Value::String(default), _) => format!("`{default}`"),
            _ => "–".to_owned(),
        };
        let input = inputs["inputs"]
            .as_array()
            .unwrap()
            .iter()
            .find(|input| input["variable"] == name);
        let input = input.map_or("–".to_owned(), |input| {
            format!("`{}`", input["name"].as_str().unwrap())
        });
        let meaning = variable["meaning"]
            .as_str()
            .unwrap()
            .replace('<', "&lt;")
            .replace('>', "&gt;");
        let row = format!("\n| `{name}` | {default} | {input} | {meaning} |\n");
        assert!(
            page.contains(&row),
            "docs/configuration.md has no row {row}"
        );
        let short = format!("\n| `{name}` |");
        assert!(
            !readme.contains(&short) || readme.contains(&format!("{short} {default} |")),
            "README.md: the default of {name}"
        );
        names.push(name.to_owned());
    }
    let head = "\n| variable | default | input | meaning |";
    assert_eq!(sorted(first_cells(&page, head)), sorted(names.clone()));
    let usual = first_cells(&readme, "\n| variable | default | meaning |");
    assert!(
        usual.len() > 5 && usual.iter().all(|name| names.contains(name)),
        "{usual:?}"
    );
}

#[test]
fn the_table_of_outcomes_has_each() {
    let schema: Value = serde_json::from_str(&text("docs/keysync.schema.json")).unwrap();
    let outcomes = schema["$defs"]["outcome"]["enum"]
        .as_array()
        .expect("the schema lists the outcomes");
    let outcomes = outcomes
        .iter()
        .map(|outcome| outcome.as_str().unwrap().to_owned())
        .collect();
    assert_eq!(
        sorted(first_cells(&text("README.md"), "\n| outcome | meaning |")),
        sorted(outcomes)
    );
}

#[test]
fn the_runbook_has_a_row_and_a_section_for_each_alarm() {
    let page = text("docs/operations.md");
    let alarms = shared("alarms");
    let ids = alarms
        .as_array()
        .unwrap()
        .iter()
        .map(|alarm| alarm["id"].as_str().unwrap().to_owned());
    assert_eq!(
        sorted(first_cells(&page, "\n| alarm | severity | rings when |")),
        sorted(ids.collect())
    );
    for alarm in alarms.as_array().unwrap() {
        let (id, told) = (
            alarm["id"].as_str().unwrap(),
            alarm["description"].as_str().unwrap(),
        );
        let anchor = told
            .rsplit_once("docs/operations.md#")
            .expect("a description ends with its page")
            .1;
        let row = page
            .lines()
            .find(|line| line.starts_with('|') && line.contains(&format!("[`{id}`](#{anchor})")));
        let row = row.unwrap_or_else(|| panic!("{id} has no row that leads to {anchor}"));
        assert!(
            row.contains(alarm["severity"].as_str().unwrap()),
            "{id}: {row}"
        );
        let section = page
            .split_once(&format!("\n## {anchor}\n"))
            .unwrap_or_else(|| panic!("{anchor} has no section"))
            .1;
        let section = section.split("\n## ").next().unwrap();
        for part in ["**Means**", "**First look**", "**Repair**"] {
            let needless = part == "**Repair**" && section.contains("**Clear**");
            assert!(section.contains(part) || needless, "{anchor} has no {part}");
        }
    }
}

#[test]
fn the_table_of_error_types_has_each() {
    let source = text("src/error.rs");
    let kinds = source
        .split_once("pub fn kind(")
        .unwrap()
        .1
        .split_once("\n    }\n}")
        .unwrap()
        .0;
    let kinds = kinds
        .lines()
        .filter_map(|line| Some(line.split_once("=> \"")?.1.split_once('"')?.0.to_owned()));
    let kinds = sorted(kinds.collect());
    assert!(kinds.len() > 8, "{kinds:?}");
    assert_eq!(
        sorted(first_cells(
            &text("docs/operations.md"),
            "\n| errorType | means | look at |"
        )),
        kinds
    );
}

#[test]
fn the_pages_of_permissions_name_every_right_that_is_needed() {
    let page = text("docs/vault.md");
    for rule in shared("vault-policy").as_array().unwrap() {
        let path = rule["path"].as_str().unwrap();
        let told = path
            .replace("${Mount}", "secret")
            .replace("${Prefix}", "aws/iam-keys");
        assert!(page.contains(&told), "docs/vault.md does not name {told}");
    }
}
