//! Errors that say what to do about them.

use std::error::Error;
use std::fmt;
use std::io::Write;

/// An error with a piece of advice.
#[derive(Debug)]
struct Hinted {
    error: anyhow::Error,
    hint: String,
}

impl fmt::Display for Hinted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.error.fmt(f)
    }
}

impl Error for Hinted {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.error.source()
    }
}

/// Adds advice to an error.
pub trait Hint<T> {
    /// The same error, printed with a line `hint: ...` under it.
    fn hint(self, hint: impl Into<String>) -> anyhow::Result<T>;
}

impl<T, E: Into<anyhow::Error>> Hint<T> for Result<T, E> {
    fn hint(self, hint: impl Into<String>) -> anyhow::Result<T> {
        self.map_err(|error| {
            anyhow::Error::new(Hinted {
                error: error.into(),
                hint: hint.into(),
            })
        })
    }
}

/// Prints an error, its causes and its hints to stderr.
pub fn report(error: &anyhow::Error) {
    let mut text = String::new();
    let mut hints = Vec::new();
    for cause in error.chain() {
        let said = cause.to_string();
        // Some causes are in the text of what they caused.
        if !text.contains(&said) {
            text.push_str(if text.is_empty() { "" } else { ": " });
            text.push_str(&said);
        }
        let mut hinted: Option<&Hinted> = cause.downcast_ref();
        while let Some(own) = hinted {
            hints.push(&own.hint);
            hinted = own.error.downcast_ref();
        }
    }
    let mut err = std::io::stderr().lock();
    // With stderr closed there is nobody left to tell.
    let _ = writeln!(err, "error: {text}");
    for hint in hints {
        let _ = writeln!(err, "hint: {hint}");
    }
}
