//! Answers, byte by byte: ranges, names, archives, pages of large folders, new snapshots, damage.

use std::ffi::OsStr;
use std::fs;
use std::io::{Cursor, Read as _};
use std::os::unix::ffi::OsStrExt as _;
use std::path::Path;

use anyhow::{Context as _, Result};

use crate::samples;
use crate::stage::{MANY, ODD, Stage};

#[test]
fn ranges_are_served_as_the_standard_says() -> Result<()> {
    let stage = Stage::new()?;
    let browse = stage.browse(&[])?;
    let session = browse.enter()?;
    let (link, video) = (stage.link("raw", 0, "video.mp4"), samples::video());
    let size = video.len();
    let whole = session.get(&link)?;
    assert_eq!(whole.header("content-type"), Some("video/mp4"));
    assert_eq!(whole.header("accept-ranges"), Some("bytes"));
    assert_eq!(whole.header("content-length"), Some(size.to_string().as_str()));
    assert!(whole.body == video && whole.complete);
    for (range, part) in [
        ("bytes=0-0".to_owned(), 0..1),
        ("bytes=1000-500999".to_owned(), 1000..501_000),
        (format!("bytes={}-", size - 10), size - 10..size),
        ("bytes=-10".to_owned(), size - 10..size),
        (format!("bytes=5-{}", size * 2), 5..size),
    ] {
        let answer = session.ask(&link, &[("range", &range)])?;
        assert_eq!(answer.status, 206, "{range}");
        let told = format!("bytes {}-{}/{size}", part.start, part.end - 1);
        assert_eq!(answer.header("content-range"), Some(told.as_str()));
        assert!(answer.body == video[part] && answer.complete, "{range}");
    }
    let outside = session.ask(&link, &[("range", &format!("bytes={size}-"))])?;
    assert_eq!(outside.status, 416);
    assert_eq!(outside.header("content-range"), Some(format!("bytes */{size}").as_str()));
    let tag = whole.header("etag").context("a tag")?;
    let part = ("range", "bytes=0-9");
    assert_eq!(session.ask(&link, &[part, ("if-range", tag)])?.status, 206);
    assert_eq!(session.ask(&link, &[part, ("if-range", "\"other\"")])?.status, 200);
    assert_eq!(session.ask(&link, &[("range", "bytes=0-1,4-5")])?.status, 200);
    Ok(())
}

#[test]
fn files_of_any_name_are_shown_and_saved() -> Result<()> {
    let stage = Stage::new()?;
    let browse = stage.browse(&[])?;
    let session = browse.enter()?;
    let long = "l".repeat(255);
    for name in ODD.iter().copied().chain([long.as_bytes()]) {
        let path = Path::new("odd").join(OsStr::from_bytes(name));
        let shown = String::from_utf8_lossy(name).into_owned();
        assert_eq!(session.ask(&stage.link("f", 0, &path), &[])?.status, 200, "{shown}");
        let saved = session.get(&stage.link("save", 0, &path))?;
        assert_eq!(saved.body, fs::read(stage.source.join(&path))?, "{shown}");
        let how = saved.header("content-disposition").context("a disposition")?;
        assert!(how.starts_with("attachment; filename=\"") && how.is_ascii(), "{how}");
    }
    let how = session.get(&stage.link("save", 0, "odd/你好 Grüße.txt"))?;
    let how = how.header("content-disposition").context("a disposition")?.to_owned();
    let full = "filename*=UTF-8''%E4%BD%A0%E5%A5%BD%20Gr%C3%BC%C3%9Fe.txt";
    assert!(how.ends_with(full), "{how}");
    Ok(())
}

#[test]
fn a_folder_comes_as_a_zip_with_everything_in_it() -> Result<()> {
    let stage = Stage::new()?;
    let browse = stage.browse(&[])?;
    let session = browse.enter()?;
    let answer = session.get(&stage.link("zip", 1, "pictures"))?;
    assert!(answer.complete);
    let how = answer.header("content-disposition").context("a disposition")?;
    assert!(how.contains("filename=\"pictures.zip\""), "{how}");
    let mut archive = zip::ZipArchive::new(Cursor::new(answer.body))?;
    let mut names = Vec::new();
    for number in 0..archive.len() {
        let mut file = archive.by_index(number)?;
        if file.is_dir() {
            continue;
        }
        let (name, mut bytes) = (file.name()?.into_owned(), Vec::new());
        file.read_to_end(&mut bytes)?;
        assert!(fs::read(stage.source.join("pictures").join(&name))? == bytes);
        names.push(name);
    }
    assert_eq!(names.len(), fs::read_dir(stage.source.join("pictures"))?.count(), "{names:?}");
    Ok(())
}

#[test]
fn large_folders_come_in_pages_that_show_every_entry_once() -> Result<()> {
    let stage = Stage::new()?;
    let browse = stage.browse(&[])?;
    let session = browse.enter()?;
    let mut seen = 0;
    for page in 1..=3 {
        let link = format!("{}?page={page}", stage.link("f", 0, "many"));
        let text = session.get(&link)?.text();
        assert!(text.contains(&format!("Page {page} of 3")));
        assert!(text.len() < 400_000, "{} bytes", text.len());
        seen += text.matches("<bdi>file ").count();
    }
    assert_eq!(seen, MANY);
    let link = format!("{}?page=99", stage.link("f", 0, "many"));
    assert_eq!(session.get(&link)?.text().matches("<bdi>file ").count(), 0);
    Ok(())
}

#[test]
fn search_finds_each_version_once_and_compare_tells_the_difference() -> Result<()> {
    let stage = Stage::new()?;
    let browse = stage.browse(&[])?;
    let session = browse.enter()?;
    let hits = |text: &str| text.matches("class=\"item\"").count();
    for (query, expected) in
        [("notes", 2), ("OLD.TXT", 1), ("*.jpg", 7), ("photo ?.jpg", 6), ("nowhere", 0)]
    {
        let query = query.replace(' ', "%20").replace('?', "%3F");
        let text = session.get(&format!("search?q={query}"))?.text();
        assert_eq!(hits(&text), expected, "{query}");
    }
    let inside = format!("{}?q=notes", stage.link("search", 1, "documents"));
    assert_eq!(hits(&session.get(&inside)?.text()), 1);
    let text = session.get(&stage.link("compare", 1, ""))?.text();
    for words in ["1 added", "1 removed", "1 changed", "new.txt", "old.txt", "notes.txt"] {
        assert!(text.contains(words), "{words}");
    }
    let inside = stage.link("compare", 1, "pictures");
    assert!(session.get(&inside)?.text().contains("Nothing differs here"));
    let versions = session.get(&stage.link("versions", 1, "documents/notes.txt"))?.text();
    assert!(versions.contains("2 versions"), "{versions}");
    Ok(())
}

#[test]
fn new_snapshots_appear_when_the_page_is_loaded_again() -> Result<()> {
    let mut stage = Stage::new()?;
    let mut browse = stage.browse(&[])?;
    {
        let session = browse.enter()?;
        assert!(session.get("")?.text().contains("2 snapshots"));
        fs::write(stage.source.join("documents/third.txt"), "third")?;
        stage.snapshot(&[])?;
        assert!(session.get("")?.text().contains("3 snapshots"));
        let text = session.get(&stage.link("f", 2, "documents/third.txt"))?.text();
        assert!(text.contains("third</pre>"), "{text}");
    }
    assert_eq!(browse.interrupt()?, 0);
    Ok(())
}

#[test]
fn damage_is_told_on_the_page_and_the_rest_works() -> Result<()> {
    let stage = Stage::new()?;
    // Whatever holds the video: the largest pack.
    let packs = fs::read_dir(stage.path("repository/packs"))?.collect::<Result<Vec<_>, _>>()?;
    let size = |entry: &fs::DirEntry| entry.metadata().map_or(0, |about| about.len());
    let pack = packs.iter().max_by_key(|entry| size(entry)).context("a pack")?.path();
    let mut bytes = fs::read(&pack)?;
    let browse = stage.browse(&[])?;
    let session = browse.enter()?;
    let (middle, length) = (bytes.len() / 2, bytes.len() / 3);
    bytes[middle - length / 2..middle + length / 2].fill(0);
    fs::write(&pack, bytes)?;
    let mut broken = 0;
    let files = ["video.mp4", "pictures/photo 1.jpg", "pictures/photo 4.jpg"];
    for name in files {
        let raw = session.ask(&stage.link("raw", 0, name), &[]);
        let Ok(answer) = raw else { continue };
        let page = session.ask(&stage.link("f", 0, name), &[])?;
        assert_eq!(page.status, 200, "{name}");
        if answer.status == 500 {
            broken += 1;
            assert!(answer.text().contains("damaged"), "{}", answer.text());
            assert!(page.text().contains("cannot be read"), "{}", page.text());
        } else if !answer.complete {
            broken += 1;
        }
    }
    assert!(broken > 0, "nothing was damaged");
    assert_eq!(session.ask("", &[])?.status, 200);
    assert_eq!(session.ask(&stage.link("f", 0, "documents"), &[])?.status, 200);
    Ok(())
}
