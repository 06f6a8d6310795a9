//! The lines that a device writes of a profile: `tinpail::profiler` has the format.

use std::collections::BTreeMap;

use thiserror::Error;
use tinpail::monitor::Phase;
use tinpail::profiler::Tally;

/// What the first line of a profile begins with.
const FIRST: &str = "tinpail-profile ";
const VERSION: &str = "1";

/// Why profiles cannot be read, or do not belong to a plan.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum ProfileError {
    #[error("there is no line that begins with {FIRST:?}: this is no profile")]
    None,
    #[error("line {line} is of version {found:?} of the format, which is {VERSION} here")]
    Version { line: usize, found: String },
    #[error("line {line} cannot be read: {text:?}")]
    Line { line: usize, text: String },
    #[error("the profile that begins in line {line} has no end: its last lines are missing")]
    Truncated { line: usize },
    #[error(
        "the profile that ends in line {line} has {found} rows instead of {needed}: lines are missing"
    )]
    Rows {
        line: usize,
        needed: usize,
        found: usize,
    },
    #[error("the profile is of plan {found:#018x}, this plan is {needed:#018x}")]
    Plan { needed: u64, found: u64 },
    #[error("the plan has no bucket {bucket}")]
    Bucket { bucket: u32 },
    #[error("bucket {bucket} of the plan has no call in row {row}")]
    Row { bucket: u32, row: usize },
}

/// A profile as it was written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lines {
    pub fingerprint: u64,
    /// The bucket key.
    pub bucket: u32,
    pub unit: String,
    /// In the order of [`Phase::ALL`].
    pub phases: [Tally; Phase::ALL.len()],
    /// The profiler's own.
    pub own: Tally,
    /// By row of the plan's steps.
    pub rows: BTreeMap<usize, Tally>,
}

/// Every profile in a console's output, in order.
pub fn read(text: &str) -> Result<Vec<Lines>, ProfileError> {
    let mut found = Vec::new();
    let mut open: Option<(usize, Lines)> = None;
    for (line, text) in (1..).zip(text.lines()) {
        let text = text.trim();
        if text.starts_with(FIRST) {
            if let Some((line, _)) = open {
                return Err(ProfileError::Truncated { line });
            }
            open = Some((line, first(line, text)?));
            continue;
        }
        let Some((_, lines)) = &mut open else {
            continue;
        };
        let words: Vec<&str> = text.split_whitespace().collect();
        let bad = || ProfileError::Line {
            line,
            text: text.to_owned(),
        };
        match words[..] {
            ["phase", name, visits, count] => {
                let at = Phase::ALL.iter().position(|phase| phase.name() == name);
                let tally = tally(visits, count).ok_or_else(bad)?;
                lines.phases[at.ok_or_else(bad)?] = tally;
            }
            ["own", visits, count] => lines.own = tally(visits, count).ok_or_else(bad)?,
            ["row", row, visits, count] => {
                let row = row.parse().map_err(|_| bad())?;
                let tally = tally(visits, count).ok_or_else(bad)?;
                if lines.rows.insert(row, tally).is_some() {
                    return Err(bad());
                }
            }
            ["end", rows] => {
                let needed = rows.parse().map_err(|_| bad())?;
                let found_rows = lines.rows.len();
                if found_rows != needed {
                    return Err(ProfileError::Rows {
                        line,
                        needed,
                        found: found_rows,
                    });
                }
                found.extend(open.take().map(|(_, lines)| lines));
            }
            _ => return Err(bad()),
        }
    }
    match open {
        Some((line, _)) => Err(ProfileError::Truncated { line }),
        None if found.is_empty() => Err(ProfileError::None),
        None => Ok(found),
    }
}

/// `tinpail-profile 1 plan 0x... bucket 29 unit cycles`.
fn first(line: usize, text: &str) -> Result<Lines, ProfileError> {
    let bad = || ProfileError::Line {
        line,
        text: text.to_owned(),
    };
    let words: Vec<&str> = text.split_whitespace().collect();
    let (version, rest) = match words[..] {
        [_, version, ref rest @ ..] => (version, rest),
        _ => return Err(bad()),
    };
    if version != VERSION {
        return Err(ProfileError::Version {
            line,
            found: version.to_owned(),
        });
    }
    let ["plan", plan, "bucket", bucket, "unit", unit] = *rest else {
        return Err(bad());
    };
    let plan = plan.strip_prefix("0x").ok_or_else(bad)?;
    Ok(Lines {
        fingerprint: u64::from_str_radix(plan, 16).map_err(|_| bad())?,
        bucket: bucket.parse().map_err(|_| bad())?,
        unit: unit.to_owned(),
        phases: [Tally::ZERO; Phase::ALL.len()],
        own: Tally::ZERO,
        rows: BTreeMap::new(),
    })
}

fn tally(visits: &str, count: &str) -> Option<Tally> {
    Some(Tally {
        visits: visits.parse().ok()?,
        count: count.parse().ok()?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: &str = "booting\r\n\
        tinpail-profile 1 plan 0x00000000000000ff bucket 29 unit cycles\r\n\
        phase forward 2 1000\r\nown 4 40\r\nrow 3 2 700\r\nrow 0 2 100\r\nend 2\r\nthe rest";

    #[test]
    fn a_console_s_output() {
        let all = read(&format!("{GOOD}\n{GOOD}\n")).unwrap();
        let [one, two] = &all[..] else {
            panic!("{all:?}")
        };
        assert_eq!(one, two);
        assert_eq!((one.fingerprint, one.bucket), (255, 29));
        assert_eq!(one.unit, "cycles");
        let tally = |visits, count| Tally { visits, count };
        assert_eq!(one.phases[0], tally(2, 1000));
        assert_eq!(one.phases[1], Tally::ZERO);
        assert_eq!(one.own, tally(4, 40));
        assert_eq!(
            one.rows,
            BTreeMap::from([(0, tally(2, 100)), (3, tally(2, 700))])
        );
    }

    #[test]
    fn what_is_wrong_is_said() {
        let wrong = |from: &str, to: &str| read(&GOOD.replace(from, to)).unwrap_err();
        assert_eq!(read(""), Err(ProfileError::None));
        assert_eq!(read("end 2\n"), Err(ProfileError::None));
        assert_eq!(
            wrong("profile 1", "profile 2"),
            ProfileError::Version {
                line: 2,
                found: "2".into()
            }
        );
        let cut = GOOD.split("end").next().unwrap();
        assert_eq!(read(cut), Err(ProfileError::Truncated { line: 2 }));
        assert_eq!(
            read(&format!("{cut}{}", GOOD.split_once('\n').unwrap().1)),
            Err(ProfileError::Truncated { line: 2 })
        );
        assert_eq!(
            wrong("row 0 2 100\r\n", ""),
            ProfileError::Rows {
                line: 6,
                needed: 2,
                found: 1
            }
        );
        for (from, to) in [
            ("row 0", "row 3"),
            ("row 0", "row -1"),
            ("700", "7OO"),
            ("forward", "sideways"),
            ("own 4 40", "own 4"),
            ("0x", ""),
            ("00ff bucket", "00fg bucket"),
            ("unit cycles", ""),
            ("own", "a line of another task"),
            ("700", "99999999999999999999"),
        ] {
            let error = wrong(from, to);
            assert!(
                matches!(error, ProfileError::Line { .. }),
                "{from}, {to}: {error}"
            );
        }
    }
}
