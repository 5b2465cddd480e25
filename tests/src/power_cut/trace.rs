//! What a process did to files, as strace(1) tells it.
//!
//! The order of the lines is the order of events: a call begins no later than the line that says so,
//! and has ended no earlier than the line that says that.

use std::collections::HashMap;
use std::io::BufRead;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, Result, bail};

/// The calls that matter.
const CALLS: &str = "openat,open,creat,close,fcntl,dup,dup2,dup3,lseek,write,pwrite64,writev,pwritev,\
    pwritev2,fsync,fdatasync,sync,syncfs,rename,renameat,renameat2,unlink,unlinkat,rmdir,mkdir,mkdirat,\
    link,linkat,ftruncate,truncate,fallocate,copy_file_range,sendfile";

/// The longest write that is told whole, in bytes.
const WRITE_MAX: usize = 64 * 1024 * 1024;

/// `program` under strace, which writes what it sees to `log`.
pub(super) fn traced(program: &Path, log: &Path) -> Command {
    let mut command = Command::new("strace");
    command
        .args(["-f", "-qq", "-xx", "--seccomp-bpf", "-e", "signal=none"])
        .args(["-s", &WRITE_MAX.to_string()])
        .args(["-e", &format!("trace={CALLS}")])
        .arg("-o")
        .arg(log)
        .arg(program);
    command
}

/// Whether processes can be traced here; if not, why.
#[must_use]
pub fn unavailable() -> Option<String> {
    let tried = Command::new("strace")
        .args([
            "-f",
            "-qq",
            "--seccomp-bpf",
            "-e",
            "trace=close",
            "-o",
            "/dev/null",
            "true",
        ])
        .output();
    match tried {
        Ok(output) if output.status.success() => None,
        Ok(output) => Some(String::from_utf8_lossy(&output.stderr).into_owned()),
        Err(error) => Some(format!("`strace` cannot be run: {error}")),
    }
}

/// A call that did what it was to do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Call {
    Open {
        path: PathBuf,
        created: bool,
        truncated: bool,
        append: bool,
        fd: i32,
    },
    Close {
        fd: i32,
    },
    Duplicate {
        fd: i32,
        to: i32,
    },
    /// The place in the file where the next [`Call::Write`] goes.
    Seek {
        fd: i32,
        offset: u64,
    },
    /// `at` is `None` for the present place.
    Write {
        fd: i32,
        at: Option<u64>,
        bytes: Vec<u8>,
    },
    Truncate {
        fd: i32,
        length: u64,
    },
    /// Makes a file or folder durable.
    Sync {
        fd: i32,
    },
    MakeFolder {
        path: PathBuf,
    },
    Rename {
        from: PathBuf,
        to: PathBuf,
    },
    Remove {
        path: PathBuf,
    },
}

/// A moment in a trace.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Moment {
    /// The call of this index begins.
    Begins(usize),
    /// It has ended.
    Ends(usize),
}

/// Calls, and when they began and ended.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Trace {
    pub(super) calls: Vec<Call>,
    pub(super) moments: Vec<Moment>,
}

impl Trace {
    /// Reads what strace wrote.
    ///
    /// # Errors
    /// When a line is not understood, or a call was made that would have to be followed and is not.
    pub(super) fn read(mut lines: impl BufRead) -> Result<Self> {
        let mut reading = Reading::default();
        let mut line = Vec::new();
        while lines.read_until(b'\n', &mut line)? > 0 {
            let text = line.strip_suffix(b"\n").unwrap_or(&line);
            reading.line(text).with_context(|| {
                let shown = &text[..text.len().min(200)];
                format!("in `{}`", String::from_utf8_lossy(shown))
            })?;
            line.clear();
        }
        Ok(reading.finish())
    }
}

#[derive(Default)]
struct Reading {
    /// Calls as they are known, `None` for those that failed or do not matter.
    calls: Vec<Option<Call>>,
    moments: Vec<Moment>,
    /// What each thread has begun: the text so far, and the index of the call.
    begun: HashMap<u32, (Vec<u8>, usize)>,
}

impl Reading {
    fn line(&mut self, line: &[u8]) -> Result<()> {
        let space = line.iter().position(|byte| *byte == b' ');
        let (thread, rest) = line.split_at(space.context("no thread")?);
        let thread = std::str::from_utf8(thread)?.parse()?;
        let rest = rest.trim_ascii_start();
        if rest.starts_with(b"+++") || rest.starts_with(b"---") {
            return Ok(());
        }
        if let Some(begin) = rest.strip_suffix(b"<unfinished ...>") {
            let index = self.begins();
            self.begun
                .insert(thread, (begin.trim_ascii_end().to_vec(), index));
            return Ok(());
        }
        if rest.starts_with(b"<...") {
            let (mut text, index) = self.begun.remove(&thread).context("nothing was begun")?;
            let at = find(rest, b" resumed>").context("no end of `<...`")?;
            text.extend_from_slice(&rest[at + b" resumed>".len()..]);
            return self.ends(index, &text);
        }
        let index = self.begins();
        self.ends(index, rest)
    }

    fn begins(&mut self) -> usize {
        self.calls.push(None);
        self.moments.push(Moment::Begins(self.calls.len() - 1));
        self.calls.len() - 1
    }

    fn ends(&mut self, index: usize, text: &[u8]) -> Result<()> {
        self.calls[index] = call(text)?;
        self.moments.push(Moment::Ends(index));
        Ok(())
    }

    fn finish(mut self) -> Trace {
        // A thread that was killed in the middle of a write may have written any part of it.
        for (text, index) in self.begun.into_values() {
            let text = [&text[..], b") = 0"].concat();
            let args = Args::of(&text).ok().flatten();
            if let Some(write) = args.and_then(|args| args.write_of(u64::MAX).ok().flatten()) {
                self.calls[index] = Some(write);
            }
        }
        let mut kept = vec![None; self.calls.len()];
        let mut trace = Trace::default();
        for (index, call) in self.calls.into_iter().enumerate() {
            if let Some(call) = call {
                kept[index] = Some(trace.calls.len());
                trace.calls.push(call);
            }
        }
        trace.moments = self
            .moments
            .into_iter()
            .filter_map(|moment| match moment {
                Moment::Begins(index) => kept[index].map(Moment::Begins),
                Moment::Ends(index) => kept[index].map(Moment::Ends),
            })
            .collect();
        trace
    }
}

/// A call, taken apart.
struct Args<'a> {
    name: &'a str,
    args: Vec<&'a [u8]>,
    result: i64,
}

fn call(text: &[u8]) -> Result<Option<Call>> {
    let Some(args) = Args::of(text)? else {
        return Ok(None);
    };
    if args.result < 0 {
        return Ok(None);
    }
    let result = u64::try_from(args.result)?;
    let call = match args.name {
        "openat" => args.open(1, 2)?,
        "open" => args.open(0, 1)?,
        "close" => Call::Close { fd: args.fd(0)? },
        "dup" | "dup2" | "dup3" => args.duplicate()?,
        "fcntl" if args.args[1].starts_with(b"F_DUPFD") => args.duplicate()?,
        "fcntl" => return Ok(None),
        "lseek" => Call::Seek {
            fd: args.fd(0)?,
            offset: result,
        },
        "write" | "pwrite64" => return args.write_of(result),
        "fsync" | "fdatasync" => Call::Sync { fd: args.fd(0)? },
        "ftruncate" => Call::Truncate {
            fd: args.fd(0)?,
            length: args.number(1)?,
        },
        // Of a new file, which then is so long.
        "fallocate" => Call::Truncate {
            fd: args.fd(0)?,
            length: args.number(2)? + args.number(3)?,
        },
        "mkdir" => Call::MakeFolder {
            path: args.path(0)?,
        },
        "mkdirat" => Call::MakeFolder {
            path: args.path(1)?,
        },
        "rename" => Call::Rename {
            from: args.path(0)?,
            to: args.path(1)?,
        },
        "renameat" | "renameat2" => Call::Rename {
            from: args.path(1)?,
            to: args.path(3)?,
        },
        "unlink" => Call::Remove {
            path: args.path(0)?,
        },
        "unlinkat" => Call::Remove {
            path: args.path(1)?,
        },
        // To standard output and the like, by the runtime of tests and the logger.
        "writev" if args.fd(0)? <= 2 => return Ok(None),
        other => bail!("`{other}` is not followed"),
    };
    Ok(Some(call))
}

impl<'a> Args<'a> {
    /// `name(args) = result`, with what strace adds behind it.
    fn of(text: &'a [u8]) -> Result<Option<Self>> {
        let open = find(text, b"(").context("no `(`")?;
        let close = rfind(text, b") ").context("no `) = `")?;
        let name = std::str::from_utf8(&text[..open])?;
        let result = std::str::from_utf8(&text[close + 1..])?;
        let result = result.trim_start().trim_start_matches('=').trim_start();
        let result = result.split_whitespace().next().unwrap_or("?");
        // A call that its thread did not live to see the end of.
        let Ok(result) = result.parse() else {
            return Ok(None);
        };
        Ok(Some(Self {
            name,
            args: split(&text[open + 1..close]),
            result,
        }))
    }

    fn text(&self, at: usize) -> Result<&'a str> {
        let arg = self.args.get(at).context("too few arguments")?;
        Ok(std::str::from_utf8(arg)?)
    }

    fn fd(&self, at: usize) -> Result<i32> {
        Ok(self.text(at)?.parse()?)
    }

    fn number(&self, at: usize) -> Result<u64> {
        Ok(self.text(at)?.parse()?)
    }

    fn path(&self, at: usize) -> Result<PathBuf> {
        use std::os::unix::ffi::OsStringExt as _;
        let bytes = bytes(self.args.get(at).context("too few arguments")?)?;
        Ok(PathBuf::from(std::ffi::OsString::from_vec(bytes)))
    }

    fn open(&self, path: usize, flags: usize) -> Result<Call> {
        let flags = self.text(flags)?;
        let has = |flag: &str| flags.split('|').any(|each| each == flag);
        Ok(Call::Open {
            path: self.path(path)?,
            created: has("O_CREAT"),
            truncated: has("O_TRUNC"),
            append: has("O_APPEND"),
            fd: i32::try_from(self.result)?,
        })
    }

    fn duplicate(&self) -> Result<Call> {
        Ok(Call::Duplicate {
            fd: self.fd(0)?,
            to: i32::try_from(self.result)?,
        })
    }

    /// A write of the first `count` bytes.
    fn write_of(&self, count: u64) -> Result<Option<Call>> {
        if !matches!(self.name, "write" | "pwrite64") {
            return Ok(None);
        }
        let mut bytes = bytes(self.args.get(1).context("too few arguments")?)?;
        bytes.truncate(usize::try_from(count).unwrap_or(usize::MAX));
        Ok(Some(Call::Write {
            fd: self.fd(0)?,
            at: match self.name {
                "pwrite64" => Some(self.number(3)?),
                _ => None,
            },
            bytes,
        }))
    }
}

/// Arguments between commas; strings hold none, as every byte of them is written in digits.
fn split(args: &[u8]) -> Vec<&[u8]> {
    args.split(|byte| *byte == b',')
        .map(<[u8]>::trim_ascii)
        .collect()
}

/// `"\x01\x02"`.
fn bytes(text: &[u8]) -> Result<Vec<u8>> {
    let inner = text
        .strip_prefix(b"\"")
        .and_then(|text| text.strip_suffix(b"\""))
        .context("not a whole string")?;
    let (pairs, rest) = inner.as_chunks::<4>();
    if !rest.is_empty() {
        bail!("not a string of bytes");
    }
    Ok(pairs
        .iter()
        .map(|[_, _, high, low]| nibble(*high) << 4 | nibble(*low))
        .collect())
}

const fn nibble(digit: u8) -> u8 {
    match digit {
        b'0'..=b'9' => digit - b'0',
        _ => (digit | 0x20).wrapping_sub(b'a').wrapping_add(10) & 0xF,
    }
}

fn find(text: &[u8], what: &[u8]) -> Option<usize> {
    text.windows(what.len()).position(|window| window == what)
}

fn rfind(text: &[u8], what: &[u8]) -> Option<usize> {
    text.windows(what.len()).rposition(|window| window == what)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn calls_are_taken_apart_in_their_order() {
        let text = br#"10 openat(AT_FDCWD, "\x2f\x61", O_RDWR|O_CREAT|O_CLOEXEC, 0666) = 5
10 pwrite64(5, "\x01\xff\x03", 3, 512 <unfinished ...>
11 fdatasync(5)                      = 0
10 <... pwrite64 resumed>)           = 2
11 openat(AT_FDCWD, "\x2f\x62", O_RDONLY) = -1 ENOENT (No such file or directory)
11 rename("\x2f\x61", "\x2f\x62")    = 0
10 write(5, "\x07\x08", 2 <unfinished ...>
11 close(5 <unfinished ...>
11 +++ killed by SIGKILL +++
10 <... write resumed>)              = ?
10 +++ killed by SIGKILL +++
"#;
        let trace = Trace::read(&text[..]).unwrap();
        let write = |at, bytes: &[u8]| Call::Write {
            fd: 5,
            at,
            bytes: bytes.to_vec(),
        };
        assert_eq!(
            trace.calls[..4],
            [
                Call::Open {
                    path: "/a".into(),
                    created: true,
                    truncated: false,
                    append: false,
                    fd: 5
                },
                write(Some(512), &[1, 0xFF]),
                Call::Sync { fd: 5 },
                Call::Rename {
                    from: "/a".into(),
                    to: "/b".into()
                },
            ]
        );
        use Moment::{Begins, Ends};
        assert_eq!(
            trace.moments[..8],
            [
                Begins(0),
                Ends(0),
                Begins(1),
                Begins(2),
                Ends(2),
                Ends(1),
                Begins(3),
                Ends(3)
            ]
        );
    }

    #[test]
    fn what_is_not_followed_is_said() {
        let refused = Trace::read(&b"10 sendfile(5, 6, NULL, 4096) = 4096\n"[..]).unwrap_err();
        assert!(format!("{refused:#}").contains("sendfile"), "{refused:#}");
    }
}
