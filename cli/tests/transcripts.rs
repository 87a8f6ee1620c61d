//! Runs the sessions in `transcripts/*.md` and compares every word and exit code. To write them anew after a change
//! of words: `TRYCMD=overwrite cargo test -p heirloom --test transcripts`, then read the difference.

#[test]
fn the_program_says_what_the_transcripts_say() {
    trycmd::TestCases::new()
        .env("HEIRLOOM_REPOSITORY", "repository")
        .env("HEIRLOOM_CACHE_DIR", "cache")
        .env("HEIRLOOM_IDENTITY_FILE", "identity.txt")
        .env("HOME", "home")
        .env("NO_COLOR", "1")
        .env("TZ", "UTC")
        .env("USER", "me")
        .case("tests/transcripts/*.md");
}
