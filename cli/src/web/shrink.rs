//! Makes a picture small. A picture is hostile input: how large it is and what decoding it takes are bounded.

use std::io::Cursor;

use axum::body::Bytes;
use image::codecs::jpeg::JpegEncoder;
use image::{DynamicImage, ImageDecoder as _, ImageError, ImageFormat, ImageReader, Limits};

/// What decoding one may take.
const DECODED_BYTES_MAX: u64 = 160 << 20;
const SIDE_MAX: u32 = 20_000;
/// The longer side of what comes out, for screens with two dots to a pixel.
const SIDE: u32 = 360;

/// A JPEG, or a PNG of what can be seen through.
pub(crate) fn shrink(file: &[u8]) -> Result<Bytes, ImageError> {
    let mut reader = ImageReader::new(Cursor::new(file)).with_guessed_format()?;
    let mut limits = Limits::default();
    limits.max_alloc = Some(DECODED_BYTES_MAX);
    (limits.max_image_width, limits.max_image_height) = (Some(SIDE_MAX), Some(SIDE_MAX));
    reader.limits(limits.clone());
    let mut decoder = reader.into_decoder()?;
    let orientation = decoder.orientation()?;
    // Asked for before anything is decoded.
    limits.reserve(decoder.total_bytes())?;
    let mut small = DynamicImage::from_decoder(decoder)?.thumbnail(SIDE, SIDE);
    small.apply_orientation(orientation);
    let mut out = Cursor::new(Vec::new());
    if small.color().has_alpha() {
        small.to_rgba8().write_to(&mut out, ImageFormat::Png)?;
    } else {
        small.to_rgb8().write_with_encoder(JpegEncoder::new_with_quality(&mut out, 78))?;
    }
    Ok(out.into_inner().into())
}

#[cfg(test)]
mod tests {
    use image::{GenericImageView as _, Rgb, RgbImage, RgbaImage};

    use super::*;

    fn jpeg(width: u32, height: u32) -> Vec<u8> {
        let mut out = Vec::new();
        let picture = RgbImage::from_fn(width, height, |x, _| {
            Rgb(if x < width / 2 { [250, 0, 0] } else { [0, 0, 250] })
        });
        picture.write_with_encoder(JpegEncoder::new(&mut out)).expect("a picture");
        out
    }

    /// The same with an EXIF segment that says to turn it.
    fn turned(jpeg: &[u8], orientation: u8) -> Vec<u8> {
        let mut exif = b"Exif\0\0MM\0\x2a\0\0\0\x08\0\x01\x01\x12\0\x03\0\0\0\x01\0".to_vec();
        exif.extend([orientation, 0, 0, 0, 0, 0, 0]);
        let length = u16::try_from(exif.len() + 2).expect("short").to_be_bytes();
        [&jpeg[..2], b"\xff\xe1", &length, &exif, &jpeg[2..]].concat()
    }

    #[test]
    fn a_picture_becomes_small_and_is_turned_as_the_camera_says() {
        let small = image::load_from_memory(&shrink(&jpeg(900, 600)).expect("small"));
        assert_eq!(small.expect("a picture").dimensions(), (360, 240));
        let small = shrink(&turned(&jpeg(900, 600), 6)).expect("small");
        let small = image::load_from_memory(&small).expect("a picture");
        assert_eq!(small.dimensions(), (240, 360));
        let top = small.get_pixel(120, 20);
        assert!(top[0] > 200 && top[2] < 60, "{top:?}");
    }

    #[test]
    fn what_can_be_seen_through_stays_so() {
        let mut file = Cursor::new(Vec::new());
        RgbaImage::new(500, 10).write_to(&mut file, ImageFormat::Png).expect("a picture");
        assert!(shrink(file.get_ref()).expect("small").starts_with(b"\x89PNG"));
    }

    #[test]
    fn a_picture_that_is_too_large_or_none_is_refused() {
        // Says that it is 60000 x 60000.
        let mut bomb = jpeg(8, 8);
        let at = bomb.windows(2).position(|two| two == [0xff, 0xc0]).expect("a frame header");
        bomb[at + 5..at + 9].copy_from_slice(&[0xea, 0x60, 0xea, 0x60]);
        assert!(shrink(&bomb).is_err());
        for file in [&b""[..], b"text", b"\xff\xd8\xff\xe0", &jpeg(300, 300)[..200]] {
            assert!(shrink(file).is_err());
        }
    }
}
