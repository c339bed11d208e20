//! The newest state of the ledger, in memory: the position and digest, the decisions that the file does not have yet,
//! and recent accounts and request ids.
//!
//! Accounts and ids that are not here are in the file as they were at position [`Memory::stored`] and are still so:
//! whatever changed since is here. One lock guards all of it, so no reader sees a balance with the position of another
//! state.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bank_ledger::{Account, AccountName, Entry, Ledger, Position, Remembered, RequestId};

use super::applied_state::AppliedState;
use super::recent_ids::RecentIds;
use super::state_row::StateRow;
use super::unstored::{Frozen, NumberedRefusal, Unstored, forgotten_up_to};

/// The most accounts that are kept although the file has them as they are, about 4 MiB. If there are more, all of them
/// are dropped and come back by use. That costs a burst of reads from the file, but nothing need track when each account
/// was last used.
pub(super) const ACCOUNTS_MAX: usize = 1 << 15;

/// The age at which decisions are written to the file. So the file, which other programs may read, is at most this far
/// behind, and the time of one transaction (some milliseconds). Ten transactions a second cost next to nothing.
const STORE_AFTER: Duration = Duration::from_millis(100);

/// The bytes at which decisions are written to the file before that: about 4000 deposits. A transaction of this size
/// shares its cost among many, and takes some 30 ms of one thread.
const STORE_BYTES: usize = 1 << 20;

/// The bytes of decisions that are not in the file above which no further command is applied. It covers a disk that
/// does not answer for a second at 60,000 deposits.
const UNSTORED_BYTES_MAX: usize = 16 << 20;

/// The two bounds above if the disk has little room left: about 1000 deposits, of which the reserve of the disk
/// ([`crate::disk::RESERVE_BYTES`]) has room for twice as many.
const SHORT_OF_ROOM_BYTES: usize = 256 << 10;

/// The newest state.
#[derive(Debug)]
pub(super) struct Memory {
    ledger: Ledger,
    applied_state: AppliedState,
    newest_refusal: i64,
    accounts: HashMap<AccountName, Kept>,
    /// The number of accounts at which those that the file has are dropped.
    accounts_max: usize,
    ids: RecentIds,
    /// Decisions since the last [`Self::freeze`].
    active: Unstored,
    /// When the first log entry since the last [`Self::freeze`] was applied. `None`: none was.
    active_since: Option<Instant>,
    /// Decisions that are being written to the file.
    storing: Option<Arc<Frozen>>,
    /// The position that the file has at least.
    stored: Position,
    /// The applied state that the file has at least.
    stored_state: AppliedState,
    short_of_room: bool,
    /// The number of snapshots that were installed.
    installed: u64,
}

#[derive(Debug, Clone, Copy)]
struct Kept {
    account: Account,
    /// Whether a reader read the account from the file and no decision has used it since.
    from_file: bool,
}

impl Memory {
    /// Begins with the state of the file and the highest request id that the file remembers.
    pub(super) fn new(stored: StateRow, highest_id: Option<RequestId>) -> Self {
        Self {
            ledger: stored.ledger,
            stored_state: stored.applied_state.clone(),
            applied_state: stored.applied_state,
            newest_refusal: stored.totals.newest_refusal,
            accounts: HashMap::new(),
            accounts_max: ACCOUNTS_MAX,
            ids: RecentIds::above(highest_id),
            active: Unstored::default(),
            active_since: None,
            storing: None,
            stored: stored.ledger.position,
            short_of_room: false,
            installed: 0,
        }
    }

    /// Begins again with a snapshot that has been installed in the file.
    pub(super) fn install(&mut self, stored: StateRow, highest_id: Option<RequestId>) {
        let installed = self.installed + 1;
        *self = Self {
            installed,
            ..Self::new(stored, highest_id)
        };
    }

    /// The position and digest.
    pub(super) fn ledger(&self) -> Ledger {
        self.ledger
    }

    pub(super) fn applied_state(&self) -> &AppliedState {
        &self.applied_state
    }

    /// The applied state that the file has at least.
    pub(super) fn stored_state(&self) -> AppliedState {
        self.stored_state.clone()
    }

    /// The number of snapshots that were installed since the start, and the position that the file has at least.
    pub(super) fn installed_and_stored(&self) -> (u64, Position) {
        (self.installed, self.stored)
    }

    /// Whether a read transaction that sees the file at `position`, begun after `installed` snapshots, and this state
    /// together are one state: the file has all that is not here.
    pub(super) fn continues(&self, position: Position, installed: u64) -> bool {
        self.installed == installed && (self.stored..=self.ledger.position).contains(&position)
    }

    /// The account, if it is here.
    pub(super) fn account(&self, name: &AccountName) -> Option<Account> {
        self.accounts.get(name).map(|kept| kept.account)
    }

    /// The account for a decision, if it is here, and whether a reader has read it from the file and no decision has
    /// used it before.
    pub(super) fn account_for_decision(&mut self, name: &AccountName) -> Option<(Account, bool)> {
        let kept = self.accounts.get_mut(name)?;
        let from_file = std::mem::take(&mut kept.from_file);
        Some((kept.account, from_file))
    }

    /// Keeps an account as the file has it, for decisions.
    pub(super) fn keep(&mut self, name: AccountName, account: Account) {
        let from_file = false;
        self.accounts.insert(name, Kept { account, from_file });
    }

    /// Keeps an account that a reader has read from the file at `position`, begun after `installed` snapshots. Does
    /// nothing if it may have changed since.
    pub(super) fn offer(&mut self, name: &AccountName, account: Account, position: Position, installed: u64) {
        if !self.continues(position, installed) || self.accounts.contains_key(name) {
            return;
        }
        let from_file = true;
        self.accounts.insert(name.clone(), Kept { account, from_file });
        self.bound_accounts();
    }

    /// Whether the id was certainly never decided.
    pub(super) fn is_new(&self, id: &RequestId) -> bool {
        self.ids.is_new(id)
    }

    /// The decision on an id, if the file does not have it yet. It is remembered: memory has room for fewer refusals
    /// than are remembered.
    pub(super) fn decision(&self, id: &RequestId) -> Option<Remembered> {
        self.parts().find_map(|part| part.decision(id))
    }

    /// Whether a decision is remembered: an entry (`None`), or a refusal with this number.
    pub(super) fn remembers(&self, number: Option<i64>) -> bool {
        number.is_none_or(|number| number > forgotten_up_to(self.newest_refusal))
    }

    /// Adds an entry and the balances that it leaves.
    pub(super) fn record_entry(&mut self, entry: Entry) {
        for (name, account) in entry.accounts() {
            self.keep(name, account);
        }
        self.ids.insert(&entry.command.request_id);
        self.active.push_entry(entry);
    }

    /// Adds a refusal under the next number.
    pub(super) fn record_refusal(&mut self, id: RequestId, refused: Remembered) {
        self.newest_refusal += 1;
        self.ids.insert(&id);
        self.active.push_refusal(NumberedRefusal {
            number: self.newest_refusal,
            id,
            refused,
        });
    }

    /// Ends a log entry: moves to the state after it. Returns whether the thread that stores must be woken.
    pub(super) fn end_entry(&mut self, ledger: Ledger, applied: Vec<u8>, membership: Option<Vec<u8>>) -> bool {
        self.ledger = ledger;
        self.applied_state.applied = Some(applied);
        if membership.is_some() {
            self.applied_state.membership = membership;
        }
        self.bound_accounts();
        if self.active_since.is_none() {
            self.active_since = Some(Instant::now());
            return true;
        }
        self.active.bytes() >= self.store_bytes()
    }

    fn store_bytes(&self) -> usize {
        if self.short_of_room {
            SHORT_OF_ROOM_BYTES
        } else {
            STORE_BYTES
        }
    }

    /// When decisions are to be written to the file. `None`: there are none.
    pub(super) fn store_due(&self) -> Option<Instant> {
        let since = self.active_since?;
        let at_once = self.active.bytes() >= self.store_bytes();
        Some(if at_once { since } else { since + STORE_AFTER })
    }

    /// Whether the file has all that is applied.
    pub(super) fn is_stored(&self) -> bool {
        self.active_since.is_none() && self.storing.is_none()
    }

    /// Whether a further log entry may be applied.
    pub(super) fn has_room(&self) -> bool {
        let bound = if self.short_of_room {
            SHORT_OF_ROOM_BYTES
        } else {
            UNSTORED_BYTES_MAX
        };
        self.parts().map(Unstored::bytes).sum::<usize>() < bound
    }

    /// Takes the decisions to be written to the file. They stay here, unchanged, until [`Self::thaw`]. If some are not
    /// thawed yet, returns those. `None`: nothing was applied since the last time.
    pub(super) fn freeze(&mut self) -> Option<Arc<Frozen>> {
        if let Some(frozen) = &self.storing {
            return Some(Arc::clone(frozen));
        }
        self.active_since.take()?;
        let frozen = Arc::new(Frozen {
            decisions: std::mem::take(&mut self.active),
            ledger: self.ledger,
            applied_state: self.applied_state.clone(),
            newest_refusal: self.newest_refusal,
        });
        self.storing = Some(Arc::clone(&frozen));
        Some(frozen)
    }

    /// Drops the frozen decisions, which the file has now.
    pub(super) fn thaw(&mut self, short_of_room: bool) -> Option<Arc<Frozen>> {
        self.short_of_room = short_of_room;
        let frozen = self.storing.take()?;
        self.stored = frozen.ledger.position;
        self.stored_state = frozen.applied_state.clone();
        Some(frozen)
    }

    /// The parts that the file does not have, newest first.
    fn parts(&self) -> impl Iterator<Item = &Unstored> {
        let storing = self.storing.iter().map(|frozen| &frozen.decisions);
        std::iter::once(&self.active).chain(storing)
    }

    /// The parts that the file does not have, oldest first.
    pub(super) fn parts_in_order(&self) -> impl Iterator<Item = &Unstored> {
        let storing = self.storing.iter().map(|frozen| &frozen.decisions);
        storing.chain(std::iter::once(&self.active))
    }

    /// The entry at a position, if the file does not have it yet.
    pub(super) fn entry(&self, position: Position) -> Option<&Entry> {
        self.parts().find_map(|part| part.entry(position))
    }

    /// Drops the accounts that the file has as they are, if there are too many accounts.
    fn bound_accounts(&mut self) {
        if self.accounts.len() <= self.accounts_max {
            return;
        }
        let stored = self.stored;
        self.accounts.retain(|_, kept| kept.account.last_entry > stored);
        // If many accounts are not stored, the next look comes when there are twice as many.
        self.accounts_max = ACCOUNTS_MAX.max(2 * self.accounts.len());
    }
}
