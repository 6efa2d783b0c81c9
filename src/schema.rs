//! The JSON schema of what `keysync --output json` writes, generated from the types.

use schemars::generate::SchemaSettings;
use schemars::transform::{RecursiveTransform, Transform};
use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde_json::{Value, json};

use crate::doctor::Check;
use crate::error::ErrorLine;
use crate::explain::Explanation;
use crate::policy::{IamPolicy, VaultPolicy};
use crate::rehearse::Rehearsal;
use crate::report::Report;
use crate::status::Status;
use crate::targets::{ImportedTargets, TargetsCheck};
use crate::token::{TokenStatus, TokenView};
use crate::token_import::Imported;

/// Returns the schema. Each result has a definition of its own below `$defs`: `report` (of `sync`,
/// `reconcile` and `plan`), `status`, `explanation`, `token`, `renewal`, `import`, `checks`,
/// `rehearsal`, `vaultPolicy`, `iamPolicy`, `targetsCheck` (also of `show`) and `targetsImport`. `error` is a line
/// on standard error.
pub fn schema() -> Value {
    let mut generator = SchemaSettings::draft2020_12()
        .for_serialize()
        .into_generator();
    let results = [
        ("report", result::<Report>(&mut generator)),
        ("status", result::<Status>(&mut generator)),
        ("explanation", result::<Explanation>(&mut generator)),
        ("token", result::<TokenView>(&mut generator)),
        ("renewal", result::<TokenStatus>(&mut generator)),
        ("import", result::<Imported>(&mut generator)),
        ("checks", result::<Vec<Check>>(&mut generator)),
        ("rehearsal", result::<Rehearsal>(&mut generator)),
        ("vaultPolicy", result::<VaultPolicy>(&mut generator)),
        ("iamPolicy", result::<IamPolicy>(&mut generator)),
        ("targetsCheck", result::<TargetsCheck>(&mut generator)),
        ("targetsImport", result::<ImportedTargets>(&mut generator)),
        ("error", result::<ErrorLine>(&mut generator)),
    ];
    let mut definitions = generator.take_definitions(true);
    definitions.extend(results.map(|(name, schema)| (name.to_owned(), schema.to_value())));
    let mut schema = Schema::try_from(json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "keysync --output json",
        "description": "The result of each command. A later version may add members; within a \
            major version no member is removed or changes its meaning.",
        "$defs": definitions,
    }))
    .expect("an object is a schema");
    RecursiveTransform(close_object).transform(&mut schema);
    schema.to_value()
}

fn result<T: JsonSchema>(generator: &mut SchemaGenerator) -> Schema {
    generator.subschema_for::<T>()
}

/// Makes an object with known members reject all others, so that a test notices a new one.
fn close_object(schema: &mut Schema) {
    if schema.get("properties").is_some() {
        schema.insert("additionalProperties".to_owned(), json!(false));
    }
}
