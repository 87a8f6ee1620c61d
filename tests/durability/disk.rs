//! What the local disk does when something is in the way: no room, no rights, leftovers, a writer that is killed.

use std::fs::{self, File};
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::Path;
use std::process::{Command, Stdio};

use anyhow::{Context as _, Result, ensure};
use bytes::Bytes;
use futures::stream::TryStreamExt as _;
use heirloom_backends::LocalDisk;
use heirloom_engine::error::ErrorKind;
use heirloom_engine::repository::Storage as _;
use heirloom_kit::block_on;
use rustix::fs::{AtFlags, CWD, Timespec, Timestamps, utimensat};

use crate::{PUT, run};

fn files_in(folder: &Path) -> Result<Vec<String>> {
    let mut names = Vec::new();
    for entry in fs::read_dir(folder)? {
        names.push(entry?.file_name().to_string_lossy().into_owned());
    }
    names.sort();
    Ok(names)
}

/// Makes a file look older than it is.
fn age(path: &Path, seconds: i64) -> Result<()> {
    let modified = rustix::fs::stat(path)?.st_mtime - seconds;
    let time = Timespec { tv_sec: modified, tv_nsec: 0 };
    let times = Timestamps { last_access: time, last_modification: time };
    Ok(utimensat(CWD, path, &times, AtFlags::empty())?)
}

#[test]
fn a_full_disk_is_reported_as_such_and_leaves_nothing_behind() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let mount = folder.path().to_str().context("temporary paths are text")?;
    // A mount namespace of its own, in a user namespace of its own where the user is not root.
    let script = format!(
        "mount -t tmpfs -o size=3m none {mount} || exit 77; {PUT} {mount} packs/a 1000000; {PUT} {mount} packs/b 4000000; \
         {PUT} {mount} packs/c 1000000; cd {mount} && find . -type f -size +0"
    );
    let output = run(Command::new("unshare").args(["-r", "-m", "sh", "-c", &script]))?;
    let (said, errors) =
        (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    if !output.status.success() && said.is_empty() {
        eprintln!("not tried, as nothing can be mounted here: {errors}");
        return Ok(());
    }
    let (answers, files): (Vec<_>, Vec<_>) = said.lines().partition(|line| !line.starts_with("./"));
    ensure!(
        answers == ["acknowledged", "NoSpace temporary=false", "acknowledged"],
        "{said}{errors}"
    );
    ensure!(files.len() == 2, "something was left behind: {said}");
    Ok(())
}

#[test]
fn a_writer_that_is_killed_leaves_no_object_and_old_leftovers_are_swept() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let root = folder.path();
    let temporary = root.join(".tmp");
    let mut killed = 0;
    for delay in 0..40 {
        let mut writer = Command::new(PUT)
            .args([root.as_os_str(), "packs/a".as_ref(), "60000000".as_ref()])
            .stdout(Stdio::null())
            .spawn()?;
        std::thread::sleep(std::time::Duration::from_millis(delay * 3));
        writer.kill()?;
        killed += usize::from(!writer.wait()?.success());
        match fs::metadata(root.join("packs/a")) {
            Ok(object) => {
                ensure!(object.len() == 60_000_000, "an object of {} bytes", object.len());
            }
            Err(error) => ensure!(error.kind() == std::io::ErrorKind::NotFound, "{error}"),
        }
        if root.join("packs/a").exists() {
            fs::remove_file(root.join("packs/a"))?;
        }
    }
    ensure!(killed > 0, "no writer was killed in time");
    fs::create_dir_all(&temporary)?;
    for (name, seconds) in [("old", 100_000), ("young", 80_000)] {
        File::create(temporary.join(name))?;
        age(&temporary.join(name), seconds)?;
    }
    let disk = LocalDisk::new(root);
    block_on(disk.put("packs/b", Bytes::from_static(b"b")))?;
    let left = files_in(&temporary)?;
    ensure!(left.contains(&"young".into()) && !left.contains(&"old".into()), "left: {left:?}");
    Ok(())
}

#[test]
fn missing_rights_are_told_apart_from_other_failures() -> Result<()> {
    if rustix::process::geteuid().is_root() {
        // Root may write everywhere; a folder that nobody can write to does for both.
        let error = block_on(LocalDisk::new("/proc/nothing").put("packs/a", Bytes::new()));
        let error = error.expect_err("nothing can be made in /proc");
        ensure!(
            matches!(error.kind, ErrorKind::NotFound | ErrorKind::PermissionDenied),
            "{error:?}"
        );
        return Ok(());
    }
    let folder = tempfile::tempdir()?;
    fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o500))?;
    let error = block_on(LocalDisk::new(folder.path()).put("packs/a", Bytes::new()));
    ensure!(
        error.is_err_and(|error| error.kind == ErrorKind::PermissionDenied && !error.temporary)
    );
    Ok(())
}

#[test]
fn a_file_in_place_of_the_repository_is_an_error_of_the_address() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let file = folder.path().join("file");
    fs::write(&file, "not a repository")?;
    for root in [file.clone(), file.join("below")] {
        let disk = LocalDisk::new(&root);
        let put = block_on(disk.put("packs/a", Bytes::new())).expect_err("it is a file");
        ensure!(put.kind == ErrorKind::Configuration && !put.temporary, "{put:?}");
        let read = block_on(disk.read("packs/a", None)).expect_err("it is a file");
        ensure!(read.kind == ErrorKind::Configuration, "{read:?}");
    }
    Ok(())
}

#[test]
fn links_pipes_and_foreign_files_are_neither_followed_nor_listed() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let packs = folder.path().join("packs");
    fs::create_dir_all(packs.join("folder"))?;
    fs::write(folder.path().join("outside"), "secret")?;
    symlink("../outside", packs.join("link"))?;
    rustix::fs::mknodat(
        CWD,
        packs.join("pipe"),
        rustix::fs::FileType::Fifo,
        rustix::fs::Mode::RUSR,
        0,
    )?;
    for foreign in [".DS_Store", "Thumbs.db", "a b", "copy~"] {
        fs::write(packs.join(foreign), "x")?;
    }
    let disk = LocalDisk::new(folder.path());
    block_on(async {
        disk.put("packs/a", Bytes::from_static(b"a")).await?;
        let listed: Vec<_> = disk.list("packs/").try_collect().await?;
        ensure!(listed.len() == 1 && listed[0].name == "packs/a", "{listed:?}");
        for name in ["packs/link", "packs/pipe", "packs/folder"] {
            ensure!(disk.read(name, None).await.is_err(), "{name} was read");
        }
        Ok(())
    })
}

#[test]
fn objects_follow_the_rights_of_the_repository_and_a_new_one_is_private() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let shared = folder.path().join("shared");
    fs::create_dir(&shared)?;
    fs::set_permissions(&shared, fs::Permissions::from_mode(0o750))?;
    for (root, folder_mode, file_mode) in
        [(shared, 0o750, 0o640), (folder.path().join("private"), 0o700, 0o600)]
    {
        block_on(LocalDisk::new(&root).put("packs/a", Bytes::from_static(b"a")))?;
        let mode = |path: &str| {
            fs::metadata(root.join(path)).map(|found| found.permissions().mode() & 0o7777)
        };
        ensure!(mode("")? == folder_mode && mode("packs")? == folder_mode, "{root:?}");
        ensure!(mode("packs/a")? == file_mode, "{:o}", mode("packs/a")?);
    }
    Ok(())
}
