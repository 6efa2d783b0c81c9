//! Templates: the text of a field with placeholders, parsed once and rendered with each key.

use std::fmt;

use secrecy::{ExposeSecret, SecretString};

use super::quote;
use super::ses;
use crate::keys::{AccessKey, UserName};

/// The placeholders, as messages list them.
const PLACEHOLDERS: &str = "{accessKeyId}, {secretAccessKey}, {userName}, {syncedAt}, {region}, \
    {roleArn}, {sesSmtpPassword}, {sesSmtpPassword:REGION}; {{ and }} for braces";

/// The text of a field, as the document states it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Template(Vec<Piece>);

#[derive(Clone, Debug, PartialEq, Eq)]
enum Piece {
    /// A piece that is the same in all targets.
    Resolved(ResolvedPiece),
    /// The target's Region.
    Region,
    /// The target's role.
    RoleArn,
    /// The SMTP password for the target's Region.
    SesSmtpPassword,
}

/// A template with the Region and the role of its target, which only lacks a key.
///
/// Its display is the template that renders the same, so two definitions are the same if their
/// displays are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ResolvedTemplate(Vec<ResolvedPiece>);

#[derive(Clone, Debug, PartialEq, Eq)]
enum ResolvedPiece {
    Text(String),
    AccessKeyId,
    SecretAccessKey,
    UserName,
    SyncedAt,
    /// The SMTP password for this Region.
    SesSmtpPassword(String),
}

/// The values that a template is rendered with.
#[derive(Debug)]
pub struct Values<'a> {
    /// The access key.
    pub key: &'a AccessKey,
    /// The IAM user.
    pub user: &'a UserName,
    /// The time of the write.
    pub synced_at: &'a str,
}

impl Template {
    /// Parses a template.
    ///
    /// # Errors
    /// What is wrong with it, and what was expected.
    pub fn parse(text: &str) -> Result<Self, String> {
        let (mut pieces, mut literal, mut rest) = (Vec::new(), String::new(), text);
        while let Some(brace) = rest.find(['{', '}']) {
            literal.push_str(&rest[..brace]);
            rest = &rest[brace..];
            if let Some(after) = rest.strip_prefix("{{") {
                literal.push('{');
                rest = after;
            } else if let Some(after) = rest.strip_prefix("}}") {
                literal.push('}');
                rest = after;
            } else if let Some((name, after)) = rest[1..].split_once('}')
                && rest.starts_with('{')
                && !name.contains('{')
            {
                pieces.push(Piece::Resolved(ResolvedPiece::Text(std::mem::take(
                    &mut literal,
                ))));
                pieces.push(placeholder(name)?);
                rest = after;
            } else {
                return Err("has a single brace; expected {{ or }} for a brace of the text".into());
            }
        }
        literal.push_str(rest);
        pieces.push(Piece::Resolved(ResolvedPiece::Text(literal)));
        pieces.retain(
            |piece| !matches!(piece, Piece::Resolved(ResolvedPiece::Text(text)) if text.is_empty()),
        );
        Ok(Self(pieces))
    }

    /// Returns the length of the rendered text in bytes, without the values of a key.
    pub fn length(&self, region: Option<&str>, role_arn: Option<&str>) -> usize {
        let length = |text: Option<&str>| text.map_or(0, str::len);
        let lengths = self.0.iter().map(|piece| match piece {
            Piece::Resolved(ResolvedPiece::Text(text)) => text.len(),
            Piece::Resolved(_) | Piece::SesSmtpPassword => 0,
            Piece::Region => length(region),
            Piece::RoleArn => length(role_arn),
        });
        lengths.sum()
    }

    /// Returns the template with the Region and the role of a target; `None` if it uses one that
    /// the target lacks.
    pub fn resolve(
        &self,
        region: Option<&str>,
        role_arn: Option<&str>,
    ) -> Option<ResolvedTemplate> {
        let text = |text: &str| ResolvedPiece::Text(text.to_owned());
        let pieces = self.0.iter().map(|piece| match piece {
            Piece::Resolved(piece) => Some(piece.clone()),
            Piece::Region => region.map(text),
            Piece::RoleArn => role_arn.map(text),
            Piece::SesSmtpPassword => {
                region.map(|region| ResolvedPiece::SesSmtpPassword(region.to_owned()))
            }
        });
        pieces.collect::<Option<_>>().map(ResolvedTemplate)
    }
}

/// Parses what is between the braces of a placeholder.
fn placeholder(name: &str) -> Result<Piece, String> {
    Ok(match name {
        "accessKeyId" => Piece::Resolved(ResolvedPiece::AccessKeyId),
        "secretAccessKey" => Piece::Resolved(ResolvedPiece::SecretAccessKey),
        "userName" => Piece::Resolved(ResolvedPiece::UserName),
        "syncedAt" => Piece::Resolved(ResolvedPiece::SyncedAt),
        "region" => Piece::Region,
        "roleArn" => Piece::RoleArn,
        "sesSmtpPassword" => Piece::SesSmtpPassword,
        _ => {
            let region = name.strip_prefix("sesSmtpPassword:");
            let region = region.filter(|region| super::check::region(region).is_ok());
            let Some(region) = region else {
                return Err(format!(
                    "has the unknown placeholder {}; expected {PLACEHOLDERS}",
                    quote(name)
                ));
            };
            Piece::Resolved(ResolvedPiece::SesSmtpPassword(region.to_owned()))
        }
    })
}

impl ResolvedTemplate {
    /// Returns the text with the values of a key. It counts as a secret whatever it contains.
    pub fn render(&self, values: &Values<'_>) -> SecretString {
        let length = self.0.iter().map(|piece| piece.length(values)).sum();
        // With this capacity no copy stays behind, because the buffer never grows.
        let mut text = String::with_capacity(length);
        for piece in &self.0 {
            match piece {
                ResolvedPiece::SesSmtpPassword(region) => {
                    ses::push_password(&mut text, values.key.secret().expose_secret(), region);
                }
                piece => text.push_str(piece.plain(values)),
            }
        }
        debug_assert_eq!(text.len(), length);
        text.into()
    }
}

impl ResolvedPiece {
    fn length(&self, values: &Values<'_>) -> usize {
        match self {
            Self::SesSmtpPassword(_) => ses::PASSWORD_LENGTH,
            piece => piece.plain(values).len(),
        }
    }

    /// Returns the text of a piece that is not derived.
    fn plain<'a>(&'a self, values: &Values<'a>) -> &'a str {
        match self {
            Self::Text(text) => text,
            Self::AccessKeyId => &values.key.id,
            Self::SecretAccessKey => values.key.secret().expose_secret(),
            Self::UserName => values.user.as_str(),
            Self::SyncedAt => values.synced_at,
            Self::SesSmtpPassword(_) => "",
        }
    }
}

impl fmt::Display for ResolvedTemplate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|piece| match piece {
            ResolvedPiece::Text(text) => f.write_str(&text.replace('{', "{{").replace('}', "}}")),
            ResolvedPiece::AccessKeyId => f.write_str("{accessKeyId}"),
            ResolvedPiece::SecretAccessKey => f.write_str("{secretAccessKey}"),
            ResolvedPiece::UserName => f.write_str("{userName}"),
            ResolvedPiece::SyncedAt => f.write_str("{syncedAt}"),
            ResolvedPiece::SesSmtpPassword(region) => write!(f, "{{sesSmtpPassword:{region}}}"),
        })
    }
}

#[cfg(test)]
mod tests;
