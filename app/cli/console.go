package cli

import (
	"bytes"
	"fmt"
	"io"
	"maps"
	"os"
	"strings"
	"time"

	"github.com/insforge/insforge-go/app/logging"
	"github.com/mattn/go-isatty"
	"github.com/rs/zerolog"
)

// logWriter returns a writer for log lines in JSON that go to w; on a terminal
// they are made readable.
func logWriter(w io.Writer) io.Writer {
	if !isTerminal(w) {
		return w
	}
	return newConsole(w, os.Getenv("NO_COLOR") == "" && os.Getenv("TERM") != "dumb")
}

// isTerminal reports whether w is a terminal, which a person reads.
func isTerminal(w io.Writer) bool {
	f, ok := w.(*os.File)
	return ok && isatty.IsTerminal(f.Fd())
}

// console turns lines of JSON into lines for people: time, level, message,
// fields. Other lines pass unchanged.
type console struct{ line zerolog.ConsoleWriter }

func newConsole(out io.Writer, color bool) console {
	return console{zerolog.ConsoleWriter{
		Out:     out,
		NoColor: !color,
		FieldsOrder: []string{
			zerolog.ErrorFieldName, "component", "method", "path", "status", "duration", "size", "ip",
		},
		FieldsExclude:   []string{"id", "userAgent"},
		FormatPrepare:   prepare,
		FormatTimestamp: formatTime,
		FormatLevel:     func(v any) string { return formatLevel(v, color) },
		FormatMessage:   func(v any) string { text, _ := v.(string); return printable(text) },
	}}
}

// Write implements io.Writer for whole lines.
func (c console) Write(lines []byte) (int, error) {
	for line := range bytes.Lines(lines) {
		if _, err := c.line.Write(line); err == nil {
			continue
		}
		if _, err := c.line.Out.Write(line); err != nil {
			return 0, err
		}
	}
	return len(lines), nil
}

// prepare removes empty fields, and the request's id where nothing is wrong: the
// line would be too long for most terminals. It puts the time where zerolog looks for it:
// serve logs it under the name that the logs API shows, rest under zerolog's.
func prepare(line map[string]any) error {
	maps.DeleteFunc(line, func(_ string, v any) bool { return v == "" })
	if line[zerolog.LevelFieldName] == zerolog.LevelInfoValue {
		delete(line, "request_id")
	}
	if stamp, ok := line[logging.TimestampField]; ok {
		line[zerolog.TimestampFieldName] = stamp
		delete(line, logging.TimestampField)
	}
	return nil
}

func formatTime(v any) string {
	text, _ := v.(string)
	t, err := time.Parse(time.RFC3339, text) // fractions are accepted too
	if err != nil {
		return text
	}
	return t.Local().Format(time.TimeOnly)
}

// formatLevel returns the level in its own column.
func formatLevel(v any, color bool) string {
	name, _ := v.(string)
	if name == "" {
		return ""
	}
	text := fmt.Sprintf("%-5s", strings.ToUpper(name))
	level, err := zerolog.ParseLevel(name)
	if !color || err != nil || zerolog.LevelColors[level] == 0 {
		return text
	}
	return fmt.Sprintf("\x1b[%dm%s\x1b[0m", zerolog.LevelColors[level], text)
}
