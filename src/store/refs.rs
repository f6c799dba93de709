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
//! `HEAD`, symbolic refs and whatever is not under `refs/` are single rows always.

use std::rc::Rc;

use super::error::{Fault, RefProblem, StoreError};
use super::row;
use crate::format::oid::{OID_LEN, ObjectId};
use crate::host::{Backend, Change, Read, Table};
use crate::sorted::SortedMap;

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
}

impl Refs {
    /// Of the repository in that database.
    pub fn new(backend: Rc<dyn Backend>) -> Self {
        Refs { backend }
    }

    /// One ref, by its full name.
    pub async fn get(&self, name: &[u8]) -> Result<Option<Ref>, StoreError> {
        Ok(self.get_with_row(name).await?.0)
    }

    /// One ref, and its single row as it stands.
    pub(crate) async fn get_with_row(&self, name: &[u8]) -> Result<(Option<Ref>, Option<Vec<u8>>), StoreError> {
        let reads = [read(single_key(name)), read(DIRECTORY.to_vec())];
        let mut rows = self.backend.get_many(&reads).await?;
        let directory = rows.pop().flatten();
        if let Some(row) = rows.pop().flatten() {
            return Ok((parse_single(name, &row)?, Some(row)));
        }
        let firsts = parse_directory(directory.as_deref())?;
        let at = firsts.partition_point(|first| first.as_slice() <= name);
        let Some(at) = at.checked_sub(1) else {
            return Ok((None, None));
        };
        let mut packed = self.packed(at..at + 1).await?;
        Ok((packed.remove(name), None))
    }

    /// Follows symbolic refs, five at most (git's `SYMREF_MAXDEPTH`); `None` if there is no ref of
    /// that name.
    pub async fn resolve(&self, name: &[u8]) -> Result<Option<Resolved>, StoreError> {
        let mut name = name.to_vec();
        for depth in 0..=SYMREF_MAXDEPTH {
            match self.get(&name).await?.map(|found| found.target) {
                None if depth == 0 => return Ok(None),
                None => return Ok(Some(Resolved { name, oid: None })),
                Some(Target::Direct(oid)) => return Ok(Some(Resolved { name, oid: Some(oid) })),
                Some(Target::Symbolic(next)) => name = next,
            }
        }
        Err(StoreError::Ref {
            name,
            problem: RefProblem::Loop,
        })
    }

    /// The refs whose name starts with `prefix`, ordered bytewise. `HEAD` is among them if the
    /// prefix is empty.
    pub async fn list(&self, prefix: &[u8]) -> Result<Vec<Ref>, StoreError> {
        let directory = self
            .backend
            .get_many(&[read(DIRECTORY.to_vec())])
            .await?
            .pop()
            .flatten();
        let firsts = parse_directory(directory.as_deref())?;
        // The row that starts before the prefix may hold names of it too.
        let from = firsts
            .partition_point(|first| first.as_slice() <= prefix)
            .saturating_sub(1);
        let beyond = |first: &Vec<u8>| first.as_slice() <= prefix || first.starts_with(prefix);
        let to = firsts.partition_point(beyond);
        let mut refs = self.packed(from..to).await?;
        refs.retain(|name, _| name.starts_with(prefix));
        let singles = single_key(prefix);
        let mut after: Option<Vec<u8>> = None;
        loop {
            let rows = self.backend.list(Table::Refs, &singles, after.as_deref(), 1024).await?;
            for (key, row) in &rows {
                let name = key.get(1..).unwrap_or_default();
                match parse_single(name, row)? {
                    Some(found) => drop(refs.insert(name.to_vec(), found)),
                    None => drop(refs.remove(name)),
                }
            }
            match rows.into_iter().next_back() {
                Some((key, _)) => after = Some(key),
                None => return Ok(refs.into_values().collect()),
            }
        }
    }

    async fn packed(&self, rows: std::ops::Range<usize>) -> Result<SortedMap<Vec<u8>, Ref>, StoreError> {
        let keys: Vec<Vec<u8>> = rows.map(packed_key).collect::<Result<_, _>>()?;
        let mut refs = SortedMap::new();
        // A few rows at a time: a million refs are not held twice.
        for keys in keys.chunks(32) {
            let reads: Vec<Read> = keys.iter().map(|key| read(key.clone())).collect();
            for (key, row) in keys.iter().zip(self.backend.get_many(&reads).await?) {
                let row = row.ok_or_else(|| StoreError::Row {
                    table: Table::Refs,
                    key: key.clone(),
                    fault: Fault::Absent,
                })?;
                parse_packed(key, &row, &mut refs)?;
            }
        }
        Ok(refs)
    }
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

fn parse_packed(key: &[u8], row: &[u8], refs: &mut SortedMap<Vec<u8>, Ref>) -> Result<(), StoreError> {
    let mut body = row::open(b'R', Table::Refs, key, row)?;
    while !body.is_empty() {
        let name = body.counted()?.to_vec();
        let peeled = body.u8()? != 0;
        let target = Target::Direct(body.oid()?);
        let peeled = if peeled { Some(body.oid()?) } else { None };
        refs.insert(name.clone(), Ref { name, target, peeled });
    }
    Ok(())
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
