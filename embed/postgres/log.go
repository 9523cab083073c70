package postgres

import (
	"strconv"
	"strings"
	"sync"
)

// logPrefix makes the server's lines readable for parseLine: process, application
// and database, each followed by a tab, which only the last can contain, where it
// would only cut the name.
const logPrefix = `%p\t%a\t%d\t`

// parseLine reads one line of the server's standard error. Lines in another form
// come from the program loader, from shell commands, or continue a message.
func parseLine(text string) Line {
	fields := strings.SplitN(text, "\t", 4)
	if len(fields) < 4 {
		return Line{Level: LevelInfo, Message: strings.TrimSpace(text)}
	}
	pid, err := strconv.Atoi(fields[0])
	if err != nil {
		return Line{Level: LevelInfo, Message: strings.TrimSpace(text)}
	}
	level, message := severity(fields[3])
	return Line{Level: level, PID: pid, Application: known(fields[1]), Database: known(fields[2]), Message: message}
}

// known is name unless it is what the server writes for a session without one.
func known(name string) string {
	if name == "[unknown]" {
		return ""
	}
	return name
}

// severity splits "LOG:  message".
func severity(text string) (Level, string) {
	word, message, ok := strings.Cut(text, ":  ")
	if !ok {
		return LevelInfo, text
	}
	switch word {
	case "LOG", "INFO", "NOTICE":
		return LevelInfo, message
	case "WARNING":
		return LevelWarn, message
	case "ERROR":
		return LevelError, message
	case "FATAL", "PANIC":
		return LevelFatal, message
	}
	if strings.HasPrefix(word, "DEBUG") {
		return LevelDebug, message
	}
	return LevelInfo, text // HINT, DETAIL and the like keep their word
}

// keptLines is how many of the server's lines are kept for error messages.
const keptLines = 30

// recent keeps the last lines of the server.
type recent struct {
	mu    sync.Mutex
	lines []string
}

func (r *recent) add(line string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.lines = append(tail(r.lines, keptLines-1), line)
}

// reset drops the lines of an earlier run.
func (r *recent) reset() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.lines = nil
}

// all returns the lines, oldest first.
func (r *recent) all() []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return append([]string(nil), r.lines...)
}
