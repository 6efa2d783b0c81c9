//! Tables of names in the documentation contain all names of the source.

use serde_json::Value;

use crate::stack::read;

fn shared(name: &str) -> Value {
    serde_json::from_str(&read(&format!("infra/shared/{name}.json"))).unwrap()
}

/// Returns the names in backticks in the first column of the table with this header.
fn first_column(page: &str, header: &str) -> Vec<String> {
    let table = page
        .split_once(header)
        .unwrap_or_else(|| panic!("no table {header:?}"))
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
fn variables_are_documented_as_the_stacks_define_them() {
    let page = read("docs/configuration.md");
    let (variables, inputs) = (shared("environment"), shared("inputs"));
    let inputs = inputs["inputs"].as_array().unwrap();
    let mut names = Vec::new();
    for variable in variables.as_array().unwrap() {
        let name = variable["name"].as_str().unwrap();
        let default = match (&variable["default"], &variable["required"]) {
            (_, Value::Bool(true)) => "required".to_owned(),
            (Value::String(default), _) => format!("`{default}`"),
            _ => "–".to_owned(),
        };
        let input = inputs.iter().find(|input| input["variable"] == name);
        let input = input.map(|input| format!("`{}`", input["name"].as_str().unwrap()));
        let input = input.unwrap_or_else(|| "–".to_owned());
        let meaning = variable["meaning"].as_str().unwrap();
        let meaning = meaning.replace('<', "&lt;").replace('>', "&gt;");
        let row = format!("\n| `{name}` | {default} | {input} | {meaning} |\n");
        assert!(
            page.contains(&row),
            "docs/configuration.md has no row {row}"
        );
        names.push(name.to_owned());
    }
    let documented = first_column(&page, "\n| variable | default | input | meaning |");
    assert_eq!(sorted(documented), sorted(names));
}

#[test]
fn outcomes_are_all_documented() {
    let schema = crate::schemas::schema();
    let outcomes = schema["$defs"]["Outcome"]["oneOf"].as_array();
    let outcomes = outcomes.expect("the schema lists the outcomes").iter();
    let outcomes = outcomes.map(|outcome| outcome["const"].as_str().unwrap().to_owned());
    let documented = first_column(&read("events/README.md"), "\n| outcome | meaning |");
    assert_eq!(sorted(documented), sorted(outcomes.collect()));
}

#[test]
fn alarms_have_a_row_and_a_section_in_the_runbook() {
    let page = read("docs/operations.md");
    let alarms = shared("alarms");
    let alarms = alarms.as_array().unwrap();
    let ids = alarms
        .iter()
        .map(|alarm| alarm["id"].as_str().unwrap().to_owned());
    let documented = first_column(&page, "\n| alarm | severity | rings when |");
    assert_eq!(sorted(documented), sorted(ids.collect()));
    for alarm in alarms {
        let text = |name: &str| alarm[name].as_str().unwrap();
        let (id, description) = (text("id"), text("description"));
        let anchor = description.rsplit_once("docs/operations.md#");
        let anchor = anchor
            .unwrap_or_else(|| panic!("{id}: the description has no link"))
            .1;
        let link = format!("[`{id}`](#{anchor})");
        let row = page
            .lines()
            .find(|line| line.starts_with('|') && line.contains(&link));
        let row = row.unwrap_or_else(|| panic!("{id} has no row with {link}"));
        assert!(row.contains(text("severity")), "{id}: {row}");
        let section = page.split_once(&format!("\n## {anchor}\n"));
        let section = section
            .unwrap_or_else(|| panic!("{anchor} has no section"))
            .1;
        let section = section.split("\n## ").next().unwrap();
        for part in ["**Means**", "**First look**", "**Repair**"] {
            let optional = part == "**Repair**" && section.contains("**Clear**");
            assert!(section.contains(part) || optional, "{anchor} has no {part}");
        }
    }
}

#[test]
fn error_types_are_all_documented() {
    let source = read("src/error.rs");
    let kinds = source
        .split_once("fn kind(")
        .unwrap()
        .1
        .split_once("\n    }\n")
        .unwrap()
        .0;
    let kinds = kinds
        .lines()
        .filter_map(|line| line.split_once("=> \"")?.1.split_once('"'));
    let kinds = sorted(kinds.map(|(kind, _)| kind.to_owned()).collect());
    assert!(kinds.len() > 8, "{kinds:?}");
    let page = read("docs/operations.md");
    assert_eq!(
        sorted(first_column(&page, "\n| errorType | means | look at |")),
        kinds
    );
}

#[test]
fn vault_capabilities_are_all_documented() {
    let page = read("docs/vault.md");
    for rule in shared("vault-policy").as_array().unwrap() {
        let path = rule["path"].as_str().unwrap();
        let path = path
            .replace("${Mount}", "secret")
            .replace("${Prefix}", "aws/iam-keys");
        assert!(
            page.contains(&path),
            "docs/vault.md does not contain {path}"
        );
    }
}

/// Only the delays are those of one run.
#[test]
fn readme_shows_the_table_that_the_demo_prints() {
    let (readme, source) = (read("README.md"), read("local/demo_checks.py"));
    let checks = source.split("\n@check(").skip(1);
    let rows = checks.map(|check| {
        let columns = check.split_once(")\ndef").unwrap().0;
        columns.split('"').skip(1).step_by(2).collect::<Vec<_>>()
    });
    let rows = rows.collect::<Vec<_>>();
    let table = readme.split_once(&format!("\nAll {} steps verified\n", rows.len()));
    let table = table.expect("README.md has the table of the demo").1;
    let mut lines = table.lines().skip(2);
    for row in rows {
        let line = lines.next().unwrap();
        let cells = line
            .split("  ")
            .map(str::trim)
            .filter(|cell| !cell.is_empty());
        let cells = cells.collect::<Vec<_>>();
        assert_eq!(cells[..3], row, "{line}");
        assert!(cells[3] == "-" || cells[3].ends_with(" s"), "{line}");
    }
    assert_eq!(lines.next(), Some("```"));
}

#[test]
fn the_version_is_the_same_everywhere() {
    let version = env!("CARGO_PKG_VERSION");
    for (file, expected) in [
        ("CHANGELOG.md", format!("\n## [{version}] - ")),
        ("CHANGELOG.md", format!("compare/v{version}...HEAD")),
        (
            "infra/cdk/package.json",
            format!("\"version\": \"{version}\""),
        ),
        (
            "infra/cdk/package-lock.json",
            format!("\"version\": \"{version}\""),
        ),
        ("infra/terraform/README.md", format!("?ref=v{version}")),
        (
            "infra/terraform/examples/complete/main.tf",
            format!("?ref=v{version}"),
        ),
    ] {
        assert!(read(file).contains(&expected), "{file}: {expected}");
    }
}
