package postgres

import (
	"path/filepath"
	"regexp"
	"time"

	"github.com/insforge/insforge-go/embed/bundle"
)

// DefaultPort is the first TCP port that is tried when Options.Port is 0.
const DefaultPort = 5432

// Level is how bad a log line of the server is.
type Level string

// Levels, as the server's severities map onto them.
const (
	LevelDebug Level = "debug"
	LevelInfo  Level = "info"  // LOG, INFO, NOTICE
	LevelWarn  Level = "warn"  // WARNING
	LevelError Level = "error" // ERROR: a statement failed
	LevelFatal Level = "fatal" // FATAL and PANIC: a session or the server ended
)

// Line is one line of the server's log. Statements, parameters and row values in
// details are never part of it.
type Line struct {
	Level       Level
	PID         int    // of the server process; 0 when unknown
	Application string // application_name of the session, "" for the server itself
	Database    string
	Message     string
}

// Options describe a server. DataDir, Runtime and Password are required.
type Options struct {
	// DataDir is the cluster's directory; its parent must exist.
	DataDir string
	Runtime bundle.Runtime
	// Password of the superuser. A new one takes effect at the next start.
	Password string
	// Port is the loopback TCP port that is tried first; 0 means 5432. When it is
	// taken, the next free one is used: see Server.Port.
	Port int
	// NoTCP leaves only the unix socket.
	NoTCP bool
	// MemoryBytes is what the server's settings are sized for; 0 means the memory
	// of the machine or container.
	MemoryBytes int64
	// Log gets the server's log lines and what this package does. It may be
	// called from several goroutines and must not block.
	Log func(Line)
	// Settings are further server settings, applied after ours and before the
	// user's postgresql.custom.conf.
	Settings map[string]string
	// Disposable gives up durability for speed: a crash of the machine may destroy
	// the data. For tests.
	Disposable bool
	// StartTimeout bounds how long the server may take to accept connections,
	// recovery from a crash included; 0 means ten minutes.
	StartTimeout time.Duration
	// StopTimeout is how long Stop waits for a regular shutdown, which writes a
	// checkpoint, before it forces one; 0 means 30 seconds.
	StopTimeout time.Duration
}

// settingName matches names of server settings, of extensions too.
var settingName = regexp.MustCompile(`^[a-zA-Z_][a-zA-Z0-9_]*(\.[a-zA-Z_][a-zA-Z0-9_]*)?$`)

// check fills defaults in and refuses what cannot work.
func (o Options) check() (Options, error) {
	refuse := func(message string) (Options, error) {
		return Options{}, &Error{Kind: KindOptions, Message: message}
	}
	if o.DataDir == "" {
		return refuse("no data directory given")
	}
	if o.Runtime.BinDir == "" {
		return refuse("no Postgres runtime given")
	}
	if o.Password == "" {
		return refuse("the superuser's password must not be empty")
	}
	if o.Port < 0 || o.Port > 65535 {
		return refuse("the port must be between 1 and 65535")
	}
	for name := range o.Settings {
		if !settingName.MatchString(name) {
			return refuse("setting name " + name + " is not valid")
		}
	}
	dir, err := filepath.Abs(o.DataDir)
	if err != nil {
		return Options{}, fileError("find", o.DataDir, err)
	}
	o.DataDir = dir
	if o.Port == 0 {
		o.Port = DefaultPort
	}
	if o.Log == nil {
		o.Log = func(Line) {}
	}
	if o.StartTimeout == 0 {
		o.StartTimeout = 10 * time.Minute
	}
	if o.StopTimeout == 0 {
		o.StopTimeout = 30 * time.Second
	}
	return o, nil
}
