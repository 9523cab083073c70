// Package postgres runs a Postgres server of our own on a data directory.
//
// # The data directory
//
// A new one is made in a directory beside it, which is renamed when it is
// complete and on disk; a crash leaves a leftover, never half a cluster. It comes
// from the runtime's template when there is one (each cluster then gets a system
// identifier of its own), else from initdb. A directory of another major, or one
// that is not a cluster, is refused and left as it is.
//
// These files in it are ours: insforge.conf and pg_hba.conf are written at each
// start, insforge.lock and insforge.superuser keep state. The user's settings
// belong into postgresql.custom.conf, which is read after ours and never
// changed.
//
// # One server
//
// Two locks make sure of one server on a directory. <dir>.lock is held by the
// program as long as its Server lives; a second Start fails with KindInUse.
// insforge.lock is inherited by every process of the server, so as long as it is
// taken, processes of an earlier server still run, even if their postmaster was
// killed. Start stops such leftovers before it starts anew. A process is only
// ever signalled when it was proved to be one of this cluster.
//
// # Users and paths
//
// Postgres refuses to run as root. As root, the server runs as the owner of the
// cluster, else as insforge, postgres or nobody. Should that user be unable to
// reach the directory (say, below /root), the server gets it as an open file;
// nothing but the cluster itself changes its owner or permissions.
//
// The product connects through a unix socket inside the data directory, which
// only root and the server's user can enter. Tools connect through loopback TCP.
// Both ask for a password (SCRAM), which is set before either is open.
package postgres
