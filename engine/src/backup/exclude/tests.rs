use super::*;
use proptest::prelude::*;

use super::glob::Glob;

/// Goes down the path as the walk does; whether the walk ends before or at it.
fn left_out(excludes: &Excludes, path: &[u8]) -> bool {
    let mut folder = Vec::new();
    let mut verdict = Verdict::default();
    for name in path.split(|byte| *byte == b'/').filter(|name| !name.is_empty()) {
        verdict = excludes.judge(verdict, &folder, name);
        if excludes.rejects(verdict) {
            return true;
        }
        if !folder.is_empty() {
            folder.push(0);
        }
        folder.extend_from_slice(name);
    }
    false
}

fn excludes(patterns: &[&str]) -> Excludes {
    let mut excludes = Excludes::default();
    for pattern in patterns {
        excludes.add_pattern(pattern.as_bytes()).unwrap();
    }
    excludes
}

#[test]
fn single_patterns_mean_what_they_mean_to_restic() {
    let cases: &[(&str, &str, bool)] = &[
        ("", "foo", false),
        ("", "/x/y/z/foo", false),
        ("*.go", "/foo/bar/test.go", true),
        ("*.c", "/foo/bar/test.go", false),
        ("*", "/foo/bar/test.go", true),
        ("**", "/foo/bar/test.go", true),
        ("/**", "/foo/bar/test.go", true),
        ("/", "/foo", true),
        ("foo*", "/foo/bar/test.go", true),
        ("bar*", "/foo/bar/test.go", true),
        ("/bar*", "/foo/bar/test.go", false),
        ("bar/*", "/foo/bar/test.go", true),
        ("baz/*", "/foo/bar/test.go", false),
        ("bar/test.go", "/foo/bar/test.go", true),
        ("bar/*.go", "/foo/bar/test.go", true),
        ("ba*/*.go", "/foo/bar/test.go", true),
        ("bb*/*.go", "/foo/bar/test.go", false),
        ("test.*", "/foo/bar/test.go", true),
        ("tesT.*", "/foo/bar/test.go", false),
        ("bar/*", "/foo/bar/baz", true),
        ("bar", "/foo/bar", true),
        ("/foo/bar", "/foo/bar", true),
        ("/foo/bar/", "/foo/bar", true),
        ("/foo/bar", "/foo/baz", false),
        ("/foo///bar", "/foo/bar", true),
        ("/foo/./bar", "/foo/bar", true),
        ("/foo/../bar", "/foo/bar", false),
        ("/foo/../bar", "/bar", true),
        ("/../bar", "/bar", true),
        ("/foo", "/foo/baz", true),
        ("/foo/", "/foo/baz", true),
        ("/foo/*", "/foo", false),
        ("/foo/*", "/foo/baz", true),
        ("/foo/*", "/x/foo/baz", false),
        ("bar", "/foo/bar/baz", true),
        ("bar", "/foo/bars", false),
        ("/foo/*test.*", "/foo/bar/test.go", false),
        ("/foo/*/test.*", "/foo/bar/test.go", true),
        ("/foo/*/bar/test.*", "/foo/bar/test.go", false),
        ("/*/*/bar/test.*", "/foo/bar/baz/test.go", false),
        ("/*/*/baz/test.*", "/foo/bar/baz/test.go", true),
        ("/*/foo/bar/test.*", "/foo/bar/baz/test.go", false),
        ("/foo/bar/test.*", "/foo/bar/baz/test.go", false),
        ("/*/bar/baz/test.*", "/foo/bar/baz/test.go", true),
        ("/foo/*/baz/test.*", "/foo/bar/baz/test.go", true),
        ("/foo/bar/*/test.*", "/foo/bar/baz/test.go", true),
        ("/foo/bar/baz/test.*", "/foo/bar/baz/test.go", true),
        ("**/test.go", "/foo/bar/baz/test.go", true),
        ("/**/test.go", "/test.go", true),
        ("/foo/**/baz", "/foo/baz", true),
        ("/foo/**/baz", "/foo/bar/more/baz", true),
        ("/foo/**/baz", "/foo/bar/more/bazz", false),
        ("/foo/**/baz", "/x/foo/bar/baz", false),
        ("foo/**/baz", "/x/foo/bar/baz", true),
        ("foo/**/bar/**/x", "/home/foo/a/bar/b/c/x", true),
        ("foo/**/bar/**/x", "/home/foo/a/b/c/x", false),
        ("foo/**", "/x/foo", true),
        ("foo/**/", "/x/foo/y", true),
        ("a**z", "/abcz", true),
        ("a**z", "/a/z", false),
        ("[a-c]x", "/bx", true),
        ("[a-c]x", "/dx", false),
        ("[^a-c]x", "/dx", true),
        ("[!a]x", "/!x", true),
        ("?x", "/\u{e4}x", true),
        ("?x", "/x", false),
        ("[\u{e0}-\u{ff}]x", "/\u{e4}x", true),
        ("{a,b}", "/a", false),
        ("{a,b}", "/{a,b}", true),
        (r"\*", "/*", true),
        (r"\*", "/x", false),
        (r"[\]]", "/]", true),
        (r"\!a", "/!a", true),
        ("*a*b*c*", "/xxaxxbxxcxx", true),
        ("*a*b*c*", "/xxaxxcxxbxx", false),
        ("*.tar.*", "/a.tar.tar.gz", true),
    ];
    for (pattern, path, expected) in cases {
        let found = left_out(&excludes(&[pattern]), path.as_bytes());
        assert_eq!(found, *expected, "{pattern} against {path}");
    }
}

#[test]
fn the_last_pattern_that_fits_decides() {
    let cases: &[(&[&str], &str, bool)] = &[
        (&["*.go", "!keep.go"], "/a/x.go", true),
        (&["*.go", "!keep.go"], "/a/keep.go", false),
        (&["!keep.go", "*.go"], "/a/keep.go", true),
        (&["*.go", "!keep.go", "/a/*"], "/a/keep.go", true),
        (&["/home/me/*", "!/home/me/docs"], "/home/me/docs/letter", false),
        (&["/home/me/*", "!/home/me/docs"], "/home/me/music/song", true),
        (&["/home/me/*", "!/home/me/docs", "*.tmp"], "/home/me/docs/x.tmp", true),
        // What lies in an excluded folder cannot be brought back.
        (&["/home/me", "!/home/me/docs"], "/home/me/docs", true),
        (&["!docs"], "/docs", false),
    ];
    for (patterns, path, expected) in cases {
        let found = left_out(&excludes(patterns), path.as_bytes());
        assert_eq!(found, *expected, "{patterns:?} against {path}");
    }
}

#[test]
fn folded_patterns_ignore_case_in_every_component() {
    let mut excludes = Excludes::default();
    excludes.add_folded_pattern("/Home/*.JPG".as_bytes()).unwrap();
    excludes.add_folded_pattern("\u{c4}x".as_bytes()).unwrap();
    assert!(left_out(&excludes, b"/hOME/a.jpg"));
    assert!(left_out(&excludes, "/y/\u{e4}X".as_bytes()));
    assert!(!left_out(&excludes, b"/home/a.jpeg"));
}

#[test]
fn names_need_not_be_utf8() {
    let mut excludes = excludes(&["x?y"]);
    excludes.add_pattern(b"\xff\xfe*").unwrap();
    assert!(left_out(&excludes, b"/a/\xff\xfe1"));
    assert!(left_out(&excludes, b"/a/x\xffy"));
    assert!(!left_out(&excludes, b"/a/\xff1"));
}

#[test]
fn malformed_patterns_are_refused_by_name() {
    for pattern in ["[", "[a", "[]a]", "[a-]", "[-a]", "a\\", "x/[/y", "!", "[^]"] {
        let error = Excludes::default().add_pattern(pattern.as_bytes()).unwrap_err();
        assert_eq!(error.pattern, pattern.as_bytes());
    }
    assert_eq!(
        Excludes::default().add_pattern(b"[").unwrap_err().to_string(),
        "malformed pattern ["
    );
}

#[test]
fn exclude_files_have_comments_and_blank_lines() {
    let text = "\u{feff}# old things\n*.bak\r\n\n   /tmp/x y  \n!keep.bak\n#";
    let patterns = parse_exclude_file(text.as_bytes());
    assert_eq!(patterns, [&b"*.bak"[..], b"/tmp/x y", b"!keep.bak"]);
}

#[test]
fn a_tag_has_a_name_and_perhaps_a_header() {
    let tag = Tag::parse(b".nobackup").unwrap();
    assert_eq!((tag.name.as_slice(), tag.header.as_slice()), (&b".nobackup"[..], &b""[..]));
    let tag = Tag::parse(b"TAG:a:b").unwrap();
    assert_eq!((tag.name.as_slice(), tag.header.as_slice()), (&b"TAG"[..], &b"a:b"[..]));
    assert!(Tag::parse(b"").is_err());
    assert!(Tag::parse(b":x").is_err());
    assert!(Tag::parse(b"a/b").is_err());
}

#[test]
fn ignore_rules_of_deeper_folders_take_precedence() {
    let mut none = |error: ignore::Error| panic!("{error}");
    let top =
        IgnoreScope::below(None, b"home", &[b"*.o\n/only-here\nbuild/\n".to_vec()], &mut none);
    let deep = IgnoreScope::below(top.clone(), b"home\0src", &[b"!keep.o\r\n".to_vec()], &mut none)
        .unwrap();
    let top = top.unwrap();
    assert!(top.rejects(b"home\0src\0keep.o", false));
    assert!(!deep.rejects(b"home\0src\0keep.o", false));
    assert!(deep.rejects(b"home\0src\0other.o", false));
    assert!(top.rejects(b"home\0only-here", false));
    assert!(!top.rejects(b"home\0src\0only-here", false));
    assert!(top.rejects(b"home\0src\0build", true));
    assert!(!top.rejects(b"home\0src\0build", false));
    assert!(top.rejects(b"home\0\xff.o", false));
}

#[test]
fn malformed_ignore_rules_do_not_spoil_the_others() {
    let mut errors = 0;
    let scope = IgnoreScope::below(None, b"", &[b"a{b\n*.o\n".to_vec()], &mut |_| errors += 1);
    assert_eq!(errors, 1);
    assert!(scope.unwrap().rejects(b"x.o", false));
}

/// The definition, without regard to effort.
fn slow_match(pattern: &[u8], name: &[u8]) -> bool {
    match pattern.split_first() {
        None => name.is_empty(),
        Some((b'*', rest)) => (0..=name.len()).any(|skip| slow_match(rest, &name[skip..])),
        Some((b'?', rest)) => !name.is_empty() && slow_match(rest, &name[1..]),
        Some((byte, rest)) => name.first() == Some(byte) && slow_match(rest, &name[1..]),
    }
}

proptest! {
    #[test]
    fn globs_agree_with_their_definition(pattern in "[ab*?]{0,8}", name in "[ab]{0,8}") {
        let glob = Glob::parse(pattern.as_bytes()).unwrap();
        prop_assert_eq!(
            glob.matches(name.as_bytes()),
            slow_match(pattern.as_bytes(), name.as_bytes())
        );
    }

    #[test]
    fn no_pattern_and_no_name_panics(
        pattern in proptest::collection::vec(any::<u8>(), 0..24),
        path in proptest::collection::vec(any::<u8>(), 0..24),
    ) {
        let mut excludes = Excludes::default();
        if excludes.add_pattern(&pattern).is_ok() && excludes.add_folded_pattern(&pattern).is_ok() {
            left_out(&excludes, &path);
        }
    }
}
