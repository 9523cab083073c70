package postgres

import (
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

// Files of the data directory that we write.
const (
	configFile = "insforge.conf"
	customFile = "postgresql.custom.conf"
	hbaFile    = "pg_hba.conf"
	hbaCustom  = "pg_hba.custom.conf"
)

const (
	kib = int64(1) << 10
	mib = int64(1) << 20
	gib = int64(1) << 30
)

// setting is one line of the server's configuration.
type setting struct{ name, value string }

// sized are the settings that follow from the memory of the machine, in bytes.
// The server shares it with this program and others, so its own cache is small
// and it relies on the system's. Even unused, a gibibyte of cache costs 30 MiB
// of tables that describe it, so only large machines get that much.
func sized(memory int64) []setting {
	buffers := clamp(memory/8, 32*mib, max(256*mib, memory/64))
	wal := gib
	if memory < 2*gib {
		wal = 256 * mib
	}
	return []setting{
		{"shared_buffers", inKB(buffers)},
		{"effective_cache_size", inKB(clamp(memory/2, 128*mib, 256*gib))},
		// A query may use several of these at once, and there may be many queries.
		{"work_mem", inKB(clamp(memory/512, 4*mib, 32*mib))},
		{"maintenance_work_mem", inKB(clamp(memory/32, 32*mib, 512*mib))},
		{"autovacuum_work_mem", inKB(clamp(memory/64, 32*mib, 128*mib))},
		{"max_wal_size", inKB(wal)},
		{"min_wal_size", inKB(64 * mib)},
	}
}

func clamp(n, low, high int64) int64 { return max(low, min(n, high)) }

func inKB(bytes int64) string { return strconv.FormatInt(bytes/kib, 10) + "kB" }

// fixed are the settings that are the same everywhere.
var fixed = []setting{
	{"max_connections", "100"},
	{"superuser_reserved_connections", "3"},
	{"password_encryption", "scram-sha-256"},
	{"ssl", "off"}, // loopback and unix socket only

	// An acknowledged write survives whatever happens.
	{"fsync", "on"},
	{"synchronous_commit", "on"},
	{"full_page_writes", "on"},
	{"wal_level", "replica"},
	{"max_wal_senders", "2"},
	{"wal_compression", "on"},
	{"checkpoint_completion_target", "0.9"},
	{"restart_after_crash", "on"},

	// Small when idle.
	{"huge_pages", "off"},
	{"max_logical_replication_workers", "0"},
	{"max_replication_slots", "2"},
	{"max_worker_processes", "4"},
	{"max_parallel_workers", "2"},
	{"max_parallel_workers_per_gather", "1"},
	{"autovacuum_max_workers", "2"},
	{"jit", "off"}, // the short queries of an API pay for it and never gain

	{"random_page_cost", "1.1"}, // solid-state disks
	{"timezone", "UTC"},
	{"log_timezone", "UTC"},
	{"datestyle", "ISO, MDY"},
	{"default_text_search_config", "pg_catalog.english"},
	{"lc_messages", "C"}, // log lines are read by a program

	// Statements, parameters and row values stay out of the log: they may be
	// secrets. "terse" drops DETAIL, which quotes rows, and CONTEXT.
	{"log_min_messages", "warning"},
	{"log_min_error_statement", "panic"},
	{"log_error_verbosity", "terse"},
	{"log_statement", "none"},
	{"log_duration", "off"},
	{"log_min_duration_statement", "-1"},
	{"log_parameter_max_length", "0"},
	{"log_parameter_max_length_on_error", "0"},
	{"log_checkpoints", "off"},
	{"log_connections", "off"},
	{"log_disconnections", "off"},
}

// disposable trade durability for speed.
var disposable = []setting{
	{"fsync", "off"},
	{"synchronous_commit", "off"},
	{"full_page_writes", "off"},
	{"autovacuum_naptime", "5min"},
}

// statements count what queries cost. Utility statements are left out, because
// their text is kept as it was sent: CREATE ROLE … PASSWORD too. Counting costs
// a select by key 1 % of its rate (pgbench, prepared, two clients on two cores,
// 14 rounds with and without in turn); an empty shared_preload_libraries in the
// user's file turns it off.
var statements = []setting{
	{"shared_preload_libraries", "pg_stat_statements"},
	{"pg_stat_statements.max", "2000"},
	{"pg_stat_statements.track", "top"},
	{"pg_stat_statements.track_utility", "off"},
	{"pg_stat_statements.save", "on"},
}

// configText is the content of insforge.conf. Later lines win.
func (p place) configText(o Options) string {
	memory := o.MemoryBytes
	if memory <= 0 {
		memory = UsableMemory()
	}
	settings := slices.Concat(fixed, sized(memory), sharedMemory())
	if p.hasLibrary("pg_stat_statements") {
		settings = append(settings, statements...)
	}
	if o.Disposable {
		settings = append(settings, disposable...)
	}
	for _, name := range slices.Sorted(maps.Keys(o.Settings)) {
		settings = append(settings, setting{name, o.Settings[name]})
	}
	var b strings.Builder
	b.WriteString("# Written at each start. Put your own settings into " + customFile + ", which is read after this.\n")
	for _, s := range settings {
		fmt.Fprintf(&b, "%s = %s\n", s.name, quoteSetting(s.value))
	}
	return b.String()
}

// quoteSetting writes a value as the configuration file's string literal.
func quoteSetting(value string) string {
	return "'" + strings.NewReplacer("'", "''", `\`, `\\`, "\n", `\n`, "\r", `\r`).Replace(value) + "'"
}

// hasLibrary reports whether the runtime has a module to load, in the folders
// that builds of Postgres use.
func (p place) hasLibrary(name string) bool {
	for _, folder := range []string{"lib/postgresql", "lib", "lib64", "lib64/pgsql", "lib/pgsql"} {
		for _, ext := range []string{".so", ".dylib"} {
			if exists(p.runtime.Dir, filepath.FromSlash(folder), name+ext) {
				return true
			}
		}
	}
	return false
}

const customText = `# Your settings for the database server. They are read last and win over
# insforge.conf. Restart after a change; this file is never rewritten.
`

const hbaCustomText = `# Your rules for who may connect from where (PostgreSQL 16 and newer). They are
# read before ours, which ask every local connection for its password.
`

const includeLines = `
# Added once; keep these lines last.
include_if_exists = 'insforge.conf'
include_if_exists = 'postgresql.custom.conf'
`

// hbaText asks everyone for a password. Major 16 brought includes: before it
// there is no place for the user's own lines.
func hbaText(major int) string {
	text := "# Written at each start.\n"
	if major >= 16 {
		text += "# Put your own lines into " + hbaCustom + ", which is read first.\n" +
			"include_if_exists " + hbaCustom + "\n"
	}
	return text + `local  all          all                scram-sha-256
host   all          all  127.0.0.1/32  scram-sha-256
host   all          all  ::1/128       scram-sha-256
local  replication  all                scram-sha-256
host   replication  all  127.0.0.1/32  scram-sha-256
host   replication  all  ::1/128       scram-sha-256
`
}

// configure writes our files and makes postgresql.conf read them.
func (p place) configure(o Options) error {
	if err := p.writeFile(configFile, p.configText(o)); err != nil {
		return err
	}
	if err := p.writeFile(hbaFile, hbaText(p.runtime.Major)); err != nil {
		return err
	}
	for name, text := range map[string]string{customFile: customText, hbaCustom: hbaCustomText} {
		if exists(p.dir, name) {
			continue
		}
		if err := p.writeFile(name, text); err != nil {
			return err
		}
	}
	path := filepath.Join(p.dir, "postgresql.conf")
	main, err := os.ReadFile(path)
	if err != nil {
		return fileError("read", path, err)
	}
	if strings.Contains(string(main), includeLines) {
		return nil
	}
	return p.writeFile("postgresql.conf", strings.TrimRight(string(main), "\n")+"\n"+includeLines)
}
