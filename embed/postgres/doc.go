// Package postgres runs a Postgres server of our own on a data directory.
//
// # The data directory
//
// A new one is created under another name beside it and renamed when it is
// complete and on disk, so a crash may leave debris but never half a cluster. It
// comes from the runtime's template if there is one (each cluster then gets its
// own system identifier), otherwise from initdb. A directory of another major
// version, or one that is not a cluster, is refused and left alone.
//
// These files in it are ours: insforge.conf and pg_hba.conf are written at each
// start, insforge.lock and insforge.superuser keep state. The user's settings
// belong in postgresql.custom.conf, which is read after ours and never changed.
//
// # One server
//
// Two locks ensure that a directory has at most one server. <dir>.lock is held
// by the program as long as its Server lives; a second Start fails with
// KindInUse. insforge.lock is inherited by every process of the server, so as
// long as it is taken, processes of an earlier server still run, even if their
// postmaster was killed. Start stops such leftovers before it starts a new
// server. A process is signalled only once it is proved to belong to this
// cluster.
//
// # Users and paths
//
// Postgres refuses to run as root. As root, the server runs as the owner of the
// cluster, else as insforge, postgres or nobody. If that user cannot reach the
// directory (say, below /root), the server gets it as an open file; nothing but
// the cluster itself changes its owner or permissions.
//
// The product connects through a unix socket inside the data directory, which
// only root and the server's user can enter. Tools connect through loopback TCP.
// Both ask for a password (SCRAM), which is set before either is open.
package postgres
