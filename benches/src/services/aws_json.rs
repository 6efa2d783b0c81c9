//! Parameter Store and DynamoDB, which share the AWS JSON protocol.

use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};

use super::{Data, PARAMETER_PREFIX, PARAMETER_SUFFIX, Parameter};

/// The number of parameters on a page of `GetParametersByPath`.
const PAGE_SIZE: usize = 10;

impl Data {
    pub(super) fn aws_json(&mut self, target: &str, body: &[u8]) -> (&'static str, Response) {
        let request: Value = serde_json::from_slice(body).unwrap_or_default();
        let argument = |member: &str| request[member].as_str().unwrap_or_default();
        match target {
            "AmazonSSM.GetParameter" => ("SSM", self.parameter(argument("Name"))),
            "AmazonSSM.GetParametersByPath" => ("SSM", self.page(argument("NextToken"))),
            "DynamoDB_20120810.Scan" => ("DynamoDB", self.scan_users()),
            _ => ("unknown", error("UnknownOperation")),
        }
    }

    fn parameter(&mut self, name: &str) -> Response {
        self.parameters.get_mut(name).map_or_else(
            || error("ParameterNotFound"),
            |found| success(&json!({"Parameter": to_json(name, found)})),
        )
    }

    /// Returns the page that begins with the parameter named by the token.
    fn page(&mut self, token: &str) -> Response {
        let mut rest = self.parameters.range_mut(token.to_owned()..);
        let page: Vec<_> = rest
            .by_ref()
            .take(PAGE_SIZE)
            .map(|(name, found)| to_json(name, found))
            .collect();
        let next_token = rest.next().map(|(name, _)| name);
        success(&json!({"Parameters": page, "NextToken": next_token}))
    }

    /// Returns the names of all users that have a parameter.
    fn scan_users(&self) -> Response {
        let user = |name: &'_ String| {
            let user = name
                .strip_prefix(PARAMETER_PREFIX)?
                .strip_suffix(PARAMETER_SUFFIX)?;
            Some(json!({"UserName": {"S": user}}))
        };
        let items: Vec<_> = self.parameters.keys().filter_map(user).collect();
        success(&json!({"Items": items, "Count": items.len()}))
    }
}

/// Returns a parameter as it is read.
fn to_json(name: &str, parameter: &mut Parameter) -> Value {
    parameter.was_read = true;
    let key = json!({"current": {
        "AccessKeyID": parameter.access_key_id,
        "SecretAccessKey": parameter.secret_access_key,
    }});
    json!({
        "Name": name,
        "Type": "SecureString",
        "Value": key.to_string(),
        "Version": parameter.version,
        "LastModifiedDate": parameter.modified,
    })
}

fn success(body: &Value) -> Response {
    response(StatusCode::OK, body)
}

fn error(code: &str) -> Response {
    response(StatusCode::BAD_REQUEST, &json!({"__type": code}))
}

fn response(status: StatusCode, body: &Value) -> Response {
    let content_type = [("content-type", "application/x-amz-json-1.1")];
    (status, content_type, body.to_string()).into_response()
}
