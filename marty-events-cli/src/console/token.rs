//! The secret for signing in.

use std::{env, fmt, fs, path::Path};

use subtle::ConstantTimeEq;

/// A variable and not an option, since every user of the machine can read a command line.
pub(super) const VARIABLE: &str = "MARTY_EVENTS_CONSOLE_TOKEN";
/// The least number of characters: 80 bits in base 16.
const SHORTEST: usize = 20;

pub(super) struct Token(String);

impl Token {
    /// The token of the file or of the environment; `None` if neither names one.
    pub(super) fn given(file: Option<&Path>) -> Result<Option<Self>, String> {
        match (file, env::var_os(VARIABLE)) {
            (Some(_), Some(_)) => Err(format!("there are two tokens; unset {VARIABLE}, or leave --token-file out")),
            (Some(path), None) => {
                let text = fs::read_to_string(path);
                let text =
                    text.map_err(|error| format!("the token file {} cannot be read: {error}", path.display()))?;
                Self::parse(&text, &format!("the token in {}", path.display())).map(Some)
            }
            (None, Some(value)) => {
                let text = value.into_string().map_err(|_| format!("{VARIABLE} is not UTF-8"))?;
                Self::parse(&text, VARIABLE).map(Some)
            }
            (None, None) => Ok(None),
        }
    }

    /// Complaints name the token as `place`.
    fn parse(text: &str, place: &str) -> Result<Self, String> {
        let token = text.trim();
        if token.chars().count() < SHORTEST {
            return Err(format!(
                "{place} is too short; use {SHORTEST} characters or more, for example those of `openssl rand -hex 32`"
            ));
        }
        Ok(Self(token.to_owned()))
    }

    /// Compares in a time that depends on the lengths alone.
    pub(super) fn is(&self, given: &str) -> bool {
        self.0.as_bytes().ct_eq(given.trim().as_bytes()).into()
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Token(..)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_compared_and_never_shown() {
        let text = "hunter2-hunter2-hunter2";
        let token = Token::parse(&format!(" {text}\n"), VARIABLE).expect("a token");
        assert!(token.is(text) && !token.is("hunter2") && !token.is(""));
        assert!(!format!("{token:?} {:?}", Some(&token)).contains("hunter2"));
        let refused = Token::parse("hunter2", VARIABLE).expect_err("it is too short");
        assert!(refused.contains("too short") && !refused.contains("hunter2"), "{refused}");
    }
}
