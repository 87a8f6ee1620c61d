//! Tells bytes that no entropy coder can shorten, at the price of counting four thousand of them.

/// More bytes are not looked at.
const SAMPLE_BYTES: usize = 4 << 10;
const RUNS: usize = 8;
const RUN_BYTES: usize = SAMPLE_BYTES / RUNS;
/// Fewer bytes give no answer worth having.
const MIN_BYTES: usize = 64;

/// Whether compressing `sample` is a waste of time: its bytes are spread almost evenly over all values.
///
/// Counts how often two bytes of the sample are equal. Even bytes are equal one time in 256; when it is at most 5/4 of
/// that, the collision entropy is at least 7.68 bits a byte, and an entropy coder saves at most 4 %. Unlike a plain
/// entropy estimate, this one is not biased for short samples. Repetitions of even bytes are not seen.
pub fn looks_incompressible(sample: &[u8]) -> bool {
    if sample.len() < MIN_BYTES {
        return false;
    }
    let mut counts = [[0_u32; 256]; 4];
    if sample.len() <= SAMPLE_BYTES {
        count(sample, &mut counts);
    } else {
        let stride = (sample.len() - RUN_BYTES) / (RUNS - 1);
        for run in 0..RUNS {
            let rest = sample.get(run * stride..).unwrap_or_default();
            count(rest.get(..RUN_BYTES).unwrap_or(rest), &mut counts);
        }
    }
    let mut bytes = 0;
    let mut equal_pairs = 0;
    let [first, second, third, fourth] = &counts;
    for (((first, second), third), fourth) in first.iter().zip(second).zip(third).zip(fourth) {
        let n = u64::from(first + second + third + fourth);
        bytes += n;
        equal_pairs += n * n.saturating_sub(1);
    }
    equal_pairs * 256 * 4 <= bytes * (bytes - 1) * 5
}

/// Four tables, because adding to one and the same counter twice in a row stalls.
fn count(run: &[u8], [first, second, third, fourth]: &mut [[u32; 256]; 4]) {
    let (quads, rest) = run.as_chunks::<4>();
    for quad in quads {
        bump(first, quad[0]);
        bump(second, quad[1]);
        bump(third, quad[2]);
        bump(fourth, quad[3]);
    }
    for byte in rest {
        bump(first, *byte);
    }
}

#[expect(clippy::indexing_slicing, reason = "a byte cannot leave a table of 256")]
fn bump(table: &mut [u32; 256], byte: u8) {
    table[usize::from(byte)] += 1;
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::chunker::tests::noise;

    fn samples(value: impl Fn(f64) -> f64) -> Vec<u8> {
        #[expect(clippy::cast_possible_truncation, clippy::as_conversions, reason = "test signal")]
        (0..20_000).flat_map(|t| (value(f64::from(t)) as i16).to_le_bytes()).collect()
    }

    #[test]
    fn random_bytes_are_incompressible_at_any_length() {
        for bytes in [512, 1000, 3000, 4096, 5000, 70_000, 1 << 20] {
            for seed in 0..50 {
                let sample = noise(&format!("{bytes}/{seed}"), bytes);
                assert!(looks_incompressible(&sample), "{bytes} bytes, seed {seed}");
            }
        }
    }

    #[test]
    fn entropy_coded_picture_data_is_incompressible() {
        // Picture data is near random, with every ff followed by 00; then a restart marker now and then.
        let mut scan = Vec::new();
        for (i, block) in noise("scan", 60_000).chunks(700).enumerate() {
            scan.extend(
                block.iter().flat_map(|b| [*b, 0].into_iter().take(1 + usize::from(*b == 255))),
            );
            scan.extend([0xff, 0xd0 + u8::try_from(i % 8).expect("below 8")]);
        }
        assert!(looks_incompressible(&scan));
    }

    #[test]
    fn compressed_text_is_incompressible() {
        let lines: Vec<String> =
            (0..9000).map(|i| format!("{} message {i}\n", i * i % 7919)).collect();
        let text = lines.concat();
        let compressed = zstd::bulk::compress(text.as_bytes(), 3).expect("memory suffices");
        assert!(looks_incompressible(compressed.get(100..).expect("longer than its header")));
    }

    #[test]
    fn text_tables_and_base64_are_compressible() {
        let prose = "Good morning, are you coming to dinner on Sunday? ".repeat(100);
        let rows: Vec<String> =
            (0..800).map(|i| format!("{i};{}.{};ok\n", i * 37 % 1000, i % 7)).collect();
        let csv = rows.concat();
        let base64: Vec<u8> = noise("base64", 6000)
            .iter()
            .map(|b| {
                b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
                    [usize::from(b & 63)]
            })
            .collect();
        for sample in [prose.as_bytes(), csv.as_bytes(), &base64] {
            assert!(!looks_incompressible(sample));
        }
    }

    #[test]
    fn machine_code_is_compressible() {
        let own = std::fs::read(std::env::current_exe().expect("tests have a path"))
            .expect("is readable");
        let windows: Vec<&[u8]> = own.chunks(64 << 10).collect();
        let hits = windows.iter().filter(|window| looks_incompressible(window)).count();
        assert!(hits * 50 <= windows.len(), "{hits} of {}", windows.len());
    }

    #[test]
    fn sound_without_loss_is_compressible() {
        let tone = samples(|t| (t * 0.05).sin() * 3000.0 + (t * 0.31).sin() * 900.0);
        assert!(!looks_incompressible(&tone));
    }

    #[test]
    fn too_few_bytes_are_not_judged() {
        assert!(!looks_incompressible(&noise("x", 63)));
        assert!(!looks_incompressible(&[]));
    }
}
