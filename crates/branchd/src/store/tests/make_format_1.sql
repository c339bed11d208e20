-- Makes a ledger database of format 1 from one of format 2. Tests use it, also to change rows without their checksums.
PRAGMA legacy_alter_table = ON;
DROP VIEW IF EXISTS statement;
ALTER TABLE entries RENAME TO entries_2;
CREATE TABLE entries (
  position INTEGER PRIMARY KEY,
  request_id BLOB NOT NULL UNIQUE,
  kind TEXT NOT NULL,
  account TEXT NOT NULL,
  amount INTEGER NOT NULL,
  balance INTEGER NOT NULL,
  previous INTEGER NOT NULL,
  counter_account TEXT,
  counter_balance INTEGER,
  counter_previous INTEGER,
  time_us INTEGER NOT NULL
) STRICT;
INSERT INTO entries SELECT position, request_id, kind, account, amount, balance, previous, counter_account,
  counter_balance, counter_previous, time_us FROM entries_2;
DROP TABLE entries_2;
ALTER TABLE accounts DROP COLUMN next_name;
ALTER TABLE accounts DROP COLUMN checksum;
ALTER TABLE refusals DROP COLUMN checksum;
DROP TABLE seals;
CREATE TABLE state_1 AS SELECT only, position, digest, bank_id, applied, membership FROM state;
DROP TABLE state;
ALTER TABLE state_1 RENAME TO state;
PRAGMA user_version = 1;
