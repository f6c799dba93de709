//! References: gitrepository-layout(5), `refs` and `packed-refs`; git's `refs/files-backend.c`.
//! As git has a file of packed refs and a file for each ref that changed since, there are packed
//! rows, written when the repository is made, and single rows, which count for more.
//!
//! ```text
//! table refs     key           kind   body
//!   directory    'd'           D      counted × first name of each packed row
//!   packed       'p', u32      R      entries: name counted, peeled? u8, oid, [oid]; names ascend
//!   single       'r', name     s      0                       deleted
//!                                     1, oid                  an object
//!                                     2, oid, oid             a tag, and what it leads to
//!                                     3, name                 another ref
//! ```
//!
//! `HEAD`, symbolic refs and whatever is not under `refs/` are single rows always; what `HEAD` leads to
//! is one from the start.

mod walk;

use std::cell::RefCell;
use std::rc::Rc;

use super::error::{Fault, RefProblem, StoreError};
use super::row;
use crate::format::oid::{OID_LEN, ObjectId};
use crate::host::{Backend, Change, Read, Row, Table};
use crate::sorted::{SortedMap, SortedSet};

use self::walk::ROWS;
pub use self::walk::RefsWalk;

/// git's `SYMREF_MAXDEPTH`.
const SYMREF_MAXDEPTH: usize = 5;

/// Bytes of a packed row.
const PACKED_BYTES: usize = 64 << 10;

const DIRECTORY: &[u8] = b"d";
const SINGLE: u8 = b'r';

/// What a ref holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Target {
    /// An object.
    Direct(ObjectId),
    /// Another ref, by its full name.
    Symbolic(Vec<u8>),
}

/// A ref as stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ref {
    /// The full name (`refs/heads/main`, `HEAD`).
    pub name: Vec<u8>,
    /// What it holds.
    pub target: Target,
    /// For an annotated tag, the object it leads to in the end, where that is known.
    pub peeled: Option<ObjectId>,
}

/// Where a name leads once symbolic refs are followed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Resolved {
    /// The last ref of the way: the branch that HEAD is on.
    pub name: Vec<u8>,
    /// The object; `None` if the last ref does not exist (an unborn branch).
    pub oid: Option<ObjectId>,
}

/// The refs of one repository.
#[derive(Clone)]
pub struct Refs {
    backend: Rc<dyn Backend>,
    followed: Rc<RefCell<Option<Followed>>>,
}

/// A symbolic ref that was followed, and where it led.
#[derive(Clone)]
struct Followed {
    from: Vec<u8>,
    to: Vec<u8>,
}

impl Refs {
    /// Of the repository in that database.
    pub fn new(backend: Rc<dyn Backend>) -> Self {
        Refs {
            backend,
            followed: Rc::default(),
        }
    }

    /// One ref, by its full name.
    pub async fn get(&self, name: &[u8]) -> Result<Option<Ref>, StoreError> {
        Ok(self.get_with_row(name).await?.0)
    }

    /// One ref, and its single row as it stands.
    pub(crate) async fn get_with_row(&self, name: &[u8]) -> Result<(Option<Ref>, Option<Vec<u8>>), StoreError> {
        let is_packable = name.starts_with(b"refs/");
        let reads = [read(single_key(name)), read(DIRECTORY.to_vec())];
        let reads = reads.get(..if is_packable { 2 } else { 1 }).unwrap_or_default();
        let mut rows = self.backend.get_many(reads).await?.into_iter();
        let (single, directory) = (rows.next().flatten(), rows.next().flatten());
        if let Some(row) = single {
            return Ok((parse_single(name, &row)?, Some(row)));
        }
        let firsts = parse_directory(directory.as_deref())?;
        let Some(at) = row_of(&firsts, name) else {
            return Ok((None, None));
        };
        let mut found = None;
        for (key, row) in self.packed_rows(vec![packed_key(at)?]).await? {
            found = parse_packed(&key, &row)?.into_iter().find(|packed| packed.name == name);
        }
        Ok((found, None))
    }

    /// One ref that is probably a single row, as what `HEAD` leads to is: nothing else is read then.
    async fn get_alone(&self, name: &[u8]) -> Result<Option<Ref>, StoreError> {
        let mut rows = self.backend.get_many(&[read(single_key(name))]).await?.into_iter();
        match rows.next().flatten() {
            Some(row) => parse_single(name, &row),
            None => self.get(name).await,
        }
    }

    /// Follows symbolic refs, five at most (git's `SYMREF_MAXDEPTH`); `None` if there is no ref of
    /// that name.
    pub async fn resolve(&self, name: &[u8]) -> Result<Option<Resolved>, StoreError> {
        if let Some(resolved) = self.resolve_as_before(name).await? {
            return Ok(Some(resolved));
        }
        let mut name = name.to_vec();
        for depth in 0..=SYMREF_MAXDEPTH {
            let found = match depth {
                0 => self.get(&name).await?,
                _ => self.get_alone(&name).await?,
            };
            let next = match found.map(|found| found.target) {
                None if depth == 0 => return Ok(None),
                None => return Ok(Some(Resolved { name, oid: None })),
                Some(Target::Direct(oid)) => return Ok(Some(Resolved { name, oid: Some(oid) })),
                Some(Target::Symbolic(next)) => next,
            };
            if depth == 0 {
                let (from, to) = (name, next.clone());
                self.followed.replace(Some(Followed { from, to }));
            }
            name = next;
        }
        Err(StoreError::Ref {
            name,
            problem: RefProblem::Loop,
        })
    }

    /// Reads a symbolic ref, and in the same transaction what it led to the last time: `None` if it
    /// leads elsewhere by now, or further. `HEAD` is followed by nearly every call.
    async fn resolve_as_before(&self, name: &[u8]) -> Result<Option<Resolved>, StoreError> {
        let followed = self.followed.borrow().clone();
        let Some(Followed { to, .. }) = followed.filter(|followed| followed.from == name) else {
            return Ok(None);
        };
        let reads = [read(single_key(name)), read(single_key(&to))];
        let mut rows = self.backend.get_many(&reads).await?.into_iter().flatten();
        let (Some(first), Some(second)) = (rows.next(), rows.next()) else {
            return Ok(None);
        };
        let leads = parse_single(name, &first)?.map(|found| found.target);
        match parse_single(&to, &second)?.map(|found| found.target) {
            Some(Target::Direct(oid)) if leads == Some(Target::Symbolic(to.clone())) => Ok(Some(Resolved {
                name: to,
                oid: Some(oid),
            })),
            _ => Ok(None),
        }
    }

    /// The refs whose name starts with `prefix`, ordered bytewise, some at a time. `HEAD` is among
    /// them if the prefix is empty.
    pub async fn walk(&self, prefix: &[u8]) -> Result<RefsWalk, StoreError> {
        let firsts = self.directory().await?;
        let (from, to) = (row_of(&firsts, prefix), beyond(&firsts, prefix));
        Ok(RefsWalk::new(self, prefix, from.unwrap_or(0)..to))
    }

    /// All of them together.
    pub async fn list(&self, prefix: &[u8]) -> Result<Vec<Ref>, StoreError> {
        let mut walk = self.walk(prefix).await?;
        let mut refs = Vec::new();
        while let Some(more) = walk.next().await? {
            refs.extend(more);
        }
        Ok(refs)
    }

    /// The names of refs that could be in the way of refs of those names, or be in whose way they
    /// could be, and some more: of the packed rows only those are read in which such names would be.
    pub(crate) async fn names_near(&self, names: &[&[u8]]) -> Result<SortedSet<Vec<u8>>, StoreError> {
        let firsts = self.directory().await?;
        let mut rows = SortedSet::new();
        for name in names {
            let slashes = (0..).zip(*name).filter(|(_, byte)| **byte == b'/');
            rows.extend(slashes.filter_map(|(at, _)| row_of(&firsts, name.get(..at)?)));
            let below = [name, b"/".as_slice()].concat();
            rows.extend(row_of(&firsts, &below).unwrap_or(0)..beyond(&firsts, &below));
        }
        let mut near = SortedSet::new();
        let keys = rows.into_iter().map(packed_key).collect::<Result<Vec<_>, _>>()?;
        for keys in keys.chunks(ROWS) {
            for (key, row) in self.packed_rows(keys.to_vec()).await? {
                near.extend(parse_packed(&key, &row)?.into_iter().map(|found| found.name));
            }
        }
        let mut singles = RefsWalk::new(self, b"", 0..0);
        while let Some((found, gone)) = singles.next_singles().await? {
            for name in &gone {
                near.remove(name);
            }
            near.extend(found);
        }
        Ok(near)
    }

    async fn directory(&self) -> Result<Vec<Vec<u8>>, StoreError> {
        let row = self.backend.get_many(&[read(DIRECTORY.to_vec())]).await?.pop();
        parse_directory(row.flatten().as_deref())
    }

    /// Packed rows, with their keys.
    async fn packed_rows(&self, keys: Vec<Vec<u8>>) -> Result<Vec<Row>, StoreError> {
        let reads: Vec<Read> = keys.iter().map(|key| read(key.clone())).collect();
        let rows = self.backend.get_many(&reads).await?;
        let row = |(key, row): (Vec<u8>, Option<Vec<u8>>)| match row {
            Some(row) => Ok((key, row)),
            None => Err(StoreError::Row {
                table: Table::Refs,
                key,
                fault: Fault::Absent,
            }),
        };
        keys.into_iter().zip(rows).map(row).collect()
    }
}

/// The packed row in which a name is, if it is packed.
fn row_of(firsts: &[Vec<u8>], name: &[u8]) -> Option<usize> {
    firsts.partition_point(|first| first.as_slice() <= name).checked_sub(1)
}

/// The packed row behind the last one that can hold names that start so.
fn beyond(firsts: &[Vec<u8>], prefix: &[u8]) -> usize {
    firsts.partition_point(|first| first.as_slice() <= prefix || first.starts_with(prefix))
}

fn read(key: Vec<u8>) -> Read {
    Read {
        table: Table::Refs,
        key,
        range: None,
    }
}

pub(crate) fn single_key(name: &[u8]) -> Vec<u8> {
    let mut key = vec![SINGLE];
    key.extend_from_slice(name);
    key
}

fn packed_key(row: usize) -> Result<Vec<u8>, StoreError> {
    let row = u32::try_from(row).map_err(|_| StoreError::Limit { what: "refs" })?;
    let mut key = vec![b'p'];
    key.extend_from_slice(&row.to_be_bytes());
    Ok(key)
}

fn parse_directory(row: Option<&[u8]>) -> Result<Vec<Vec<u8>>, StoreError> {
    let Some(row) = row else { return Ok(Vec::new()) };
    let mut body = row::open(b'D', Table::Refs, DIRECTORY, row)?;
    let mut firsts: Vec<Vec<u8>> = Vec::new();
    while !body.is_empty() {
        let first = body.counted()?.to_vec();
        if firsts.last().is_some_and(|last| *last >= first) {
            return Err(body.fail(Fault::Inconsistent("has names out of order")));
        }
        firsts.push(first);
    }
    Ok(firsts)
}

fn parse_packed(key: &[u8], row: &[u8]) -> Result<Vec<Ref>, StoreError> {
    let mut refs: Vec<Ref> = Vec::new();
    let mut body = row::open(b'R', Table::Refs, key, row)?;
    while !body.is_empty() {
        let name = body.counted()?.to_vec();
        if refs.last().is_some_and(|last| last.name >= name) {
            return Err(body.fail(Fault::Inconsistent("has names out of order")));
        }
        let peeled = body.u8()? != 0;
        let target = Target::Direct(body.oid()?);
        let peeled = if peeled { Some(body.oid()?) } else { None };
        refs.push(Ref { name, target, peeled });
    }
    Ok(refs)
}

fn parse_single(name: &[u8], row: &[u8]) -> Result<Option<Ref>, StoreError> {
    let key = single_key(name);
    let mut body = row::open(b's', Table::Refs, &key, row)?;
    let (target, peeled) = match body.u8()? {
        0 => return body.end().map(|()| None),
        1 => (Target::Direct(body.oid()?), None),
        2 => (Target::Direct(body.oid()?), Some(body.oid()?)),
        3 => (Target::Symbolic(body.rest().to_vec()), None),
        _ => return Err(body.fail(Fault::Layout)),
    };
    body.end()?;
    Ok(Some(Ref {
        name: name.to_vec(),
        target,
        peeled,
    }))
}

/// The single row of a ref; `None` says that it is deleted.
pub(crate) fn put_single(name: &[u8], target: Option<&Target>, peeled: Option<ObjectId>) -> Change {
    let mut body = Vec::new();
    match (target, peeled) {
        (None, _) => body.push(0),
        (Some(Target::Direct(oid)), None) => {
            body.push(1);
            body.extend_from_slice(oid.as_bytes());
        }
        (Some(Target::Direct(oid)), Some(peeled)) => {
            body.push(2);
            body.extend_from_slice(oid.as_bytes());
            body.extend_from_slice(peeled.as_bytes());
        }
        (Some(Target::Symbolic(to)), _) => {
            body.push(3);
            body.extend_from_slice(to);
        }
    }
    let key = single_key(name);
    let row = row::seal(b's', &key, &body);
    Change::Put(Table::Refs, key, row)
}

/// Packed rows and their directory, for refs that hold objects, in the order of their names.
pub(crate) fn put_packed(refs: &SortedMap<&[u8], (ObjectId, Option<ObjectId>)>) -> Result<Vec<Change>, StoreError> {
    let mut changes = Vec::new();
    let mut directory = Vec::new();
    let mut body = Vec::new();
    let mut end = |body: &mut Vec<u8>| -> Result<(), StoreError> {
        if !body.is_empty() {
            let key = packed_key(changes.len())?;
            let row = row::seal(b'R', &key, &std::mem::take(body));
            changes.push(Change::Put(Table::Refs, key, row));
        }
        Ok(())
    };
    for (name, (oid, peeled)) in refs {
        if body.len() + name.len() + 2 * OID_LEN + 5 > PACKED_BYTES {
            end(&mut body)?;
        }
        if body.is_empty() {
            row::put_counted(&mut directory, name)?;
        }
        row::put_counted(&mut body, name)?;
        body.push(u8::from(peeled.is_some()));
        body.extend_from_slice(oid.as_bytes());
        if let Some(peeled) = peeled {
            body.extend_from_slice(peeled.as_bytes());
        }
    }
    end(&mut body)?;
    let directory = row::seal(b'D', DIRECTORY, &directory);
    changes.push(Change::Put(Table::Refs, DIRECTORY.to_vec(), directory));
    Ok(changes)
}
