//! Makes certificates: of an authority, of branches, of clients, and lists of revoked ones.
