// Package logging writes the product's structured logs: to the terminal, and
// as JSON lines to size-capped files in the form that the logs API reads.
// Everything passes through a redactor that removes secrets from messages.
// Lines are written in the background; Close flushes them.
package logging

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"sync/atomic"
	"time"

	"github.com/rs/zerolog"
	"gopkg.in/natefinch/lumberjack.v2"
)

// The files, by the source names of the contract.
const (
	backendFile  = "insforge.logs.jsonl"
	postgresFile = "postgres.logs.jsonl"
)

const (
	fileMegabytes = 20
	oldFiles      = 1 // two files a source, with the current one
)

// TimestampField holds the time of a line.
const TimestampField = "timestamp"

// timestampFormat is ISO 8601 in UTC with milliseconds.
const timestampFormat = "2006-01-02T15:04:05.000Z"

// Options say where logs go.
type Options struct {
	Dir string
	// Level is trace, debug, info, warn or error.
	Level string
	// Terminal gets the product's own lines, too, unless it is nil.
	Terminal io.Writer
	// Secrets are removed wherever they occur.
	Secrets []string
}

// Logs are the open logs of one process.
type Logs struct {
	// Product is the product's own log, Postgres that of the database it runs.
	Product, Postgres zerolog.Logger
	queues            []*queue
	files             []*lumberjack.Logger
}

// Open creates the directory and opens the files.
func Open(o Options) (*Logs, error) {
	level, err := zerolog.ParseLevel(o.Level)
	if err != nil {
		return nil, fmt.Errorf("LOG_LEVEL %q is not one of trace, debug, info, warn, error", o.Level)
	}
	if err := os.MkdirAll(o.Dir, 0o700); err != nil {
		return nil, folderError("the log directory "+o.Dir+" cannot be created", err)
	}
	// The writers open their files at the first line, when it is too late to
	// report an error.
	for _, name := range []string{backendFile, postgresFile} {
		f, err := os.OpenFile(filepath.Join(o.Dir, name), os.O_WRONLY|os.O_APPEND|os.O_CREATE, 0o600)
		if err != nil {
			return nil, folderError("the log file "+filepath.Join(o.Dir, name)+" cannot be written", err)
		}
		if err := f.Close(); err != nil {
			return nil, fmt.Errorf("open log file: %w", err)
		}
	}
	l := &Logs{}
	redact := newRedactor(o.Secrets)
	product := []io.Writer{l.file(o.Dir, backendFile)}
	if o.Terminal != nil {
		product = append(product, o.Terminal)
	}
	l.Product = logger(l.queue(redact, product...), level)
	l.Postgres = logger(l.queue(redact, l.file(o.Dir, postgresFile)), level)
	return l, nil
}

// folderError says what is wrong with the log directory, and how to choose
// another.
func folderError(problem string, err error) error {
	if system := (*fs.PathError)(nil); errors.As(err, &system) {
		err = system.Err // without the name of the call and the path again
	}
	return fmt.Errorf("%s (%w); make the folder writable or choose another with LOGS_DIR", problem, err)
}

func (l *Logs) queue(r redactor, sinks ...io.Writer) io.Writer {
	q := newQueue(r.clean, sinks...)
	l.queues = append(l.queues, q)
	return q
}

func (l *Logs) file(dir, name string) io.Writer {
	f := &lumberjack.Logger{Filename: filepath.Join(dir, name), MaxSize: fileMegabytes, MaxBackups: oldFiles}
	l.files = append(l.files, f)
	return f
}

// Close writes what is pending and closes the files.
func (l *Logs) Close() {
	for _, q := range l.queues {
		q.Close()
	}
	for _, f := range l.files {
		_ = f.Close() // a failed write was lost already
	}
}

func logger(w io.Writer, level zerolog.Level) zerolog.Logger {
	return zerolog.New(w).Level(level).Hook(&stamp{})
}

// stamp gives every line the id and timestamp that the logs API shows.
type stamp struct{ count atomic.Uint64 }

// Run implements zerolog.Hook.
func (s *stamp) Run(e *zerolog.Event, _ zerolog.Level, _ string) {
	now := time.Now()
	e.Str("id", strconv.FormatInt(now.UnixMilli(), 10)+"-"+strconv.FormatUint(s.count.Add(1), 36))
	e.Str(TimestampField, now.UTC().Format(timestampFormat))
}
