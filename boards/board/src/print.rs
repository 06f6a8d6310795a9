//! Text to the host: over semihosting, or as defmt frames where the `defmt` feature is on (raw text would corrupt those).

/// Prints a line to the host.
#[cfg(not(feature = "defmt"))]
#[macro_export]
macro_rules! println {
    ($($arg:tt)*) => {
        // A host that closed its end is no reason to stop.
        { use $crate::io::Write as _; if let Ok(mut out) = $crate::io::stdout() { _ = writeln!(out, $($arg)*); } }
    };
}

/// Prints a line to the host, as a defmt frame.
#[cfg(feature = "defmt")]
#[macro_export]
macro_rules! println {
    ($($arg:tt)*) => {
        $crate::print_line(format_args!($($arg)*))
    };
}

#[cfg(feature = "defmt")]
#[doc(hidden)]
pub fn print_line(line: core::fmt::Arguments<'_>) {
    defmt::println!("{}", defmt::Display2Format(&line));
}
