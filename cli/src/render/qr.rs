//! A QR code of half blocks, for a terminal.

use qrcode::render::unicode::Dense1x2;
use qrcode::{EcLevel, QrCode};

/// The code as lines of text; `None` if the text is too long for one.
///
/// Dark and light are swapped because most terminals are dark; readers accept both.
pub(crate) fn code(text: &str) -> Option<String> {
    let code = QrCode::with_error_correction_level(text, EcLevel::L).ok()?;
    Some(
        code.render::<Dense1x2>()
            .dark_color(Dense1x2::Light)
            .light_color(Dense1x2::Dark)
            .quiet_zone(true)
            .build(),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_identity_fits_on_a_screen_of_80_columns() {
        let identity = format!("AGE-SECRET-KEY-1{}", "Q".repeat(58));
        let code = code(&identity).expect("short enough");
        assert!(code.lines().all(|line| line.chars().count() <= 80));
        assert!(code.lines().count() <= 30);
    }
}
