package logging_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/insforge/insforge-go/app/logging"
)

const hex64 = "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff"

// capture opens logs in a folder of the test and returns them with what the
// terminal got.
func capture(t *testing.T, o logging.Options) (*logging.Logs, *bytes.Buffer) {
	t.Helper()
	var terminal bytes.Buffer
	o.Terminal = &terminal
	if o.Dir == "" {
		o.Dir = filepath.Join(t.TempDir(), "logs")
	}
	if o.Level == "" {
		o.Level = "info"
	}
	logs, err := logging.Open(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(logs.Close)
	return logs, &terminal
}

// messageOf closes the logs and returns the message of the only line in out,
// which must be JSON.
func messageOf(t *testing.T, logs *logging.Logs, out *bytes.Buffer) string {
	t.Helper()
	logs.Close()
	var line struct{ Message string }
	if err := json.Unmarshal(out.Bytes(), &line); err != nil {
		t.Fatalf("the line is no longer JSON: %v\n%s", err, out)
	}
	return line.Message
}

func TestSecretsAreRemovedFromMessages(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct{ name, message, want string }{
		{"an API key", "key ik_" + hex64 + " used", "key ik_[redacted] used"},
		{"an anon key", "anon_" + hex64, "anon_[redacted]"},
		{"a JWT", "token eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.c2ln end", "token [redacted] end"},
		{"a JWT without a signature", "eyJhbGciOiJub25lIn0.eyJzdWIiOiIxIn0.", "[redacted]"},
		{"a bearer token of no known shape", "Authorization: Bearer abcdefghijklmnop0123", "Authorization: Bearer [redacted]"},
		{"the password of a connection string", "dial postgres://app:s3cr3t@db:5432/x", "dial postgres://app:[redacted]@db:5432/x"},
		{"a password with an at sign in a connection string", "postgres://app:s3@cr3t@db/x", "postgres://app:[redacted]@db/x"},
		{"the password of a connection string in keyword form", "host=db password=s3cr3t user=app", "host=db password=[redacted] user=app"},
		{"a bcrypt hash", "hash $2a$10$" + strings.Repeat("a", 53), "hash [redacted]"},
		{"a SCRAM verifier", "SCRAM-SHA-256$4096:c2FsdA==$a2V5:c2VydmVy", "[redacted]"},
		{"a password in JSON", `body {"password":"hunter22"}`, `body {"password":"[redacted]"}`},
		{"a password in JSON that holds a quote", `{"newPassword": "hunt\"er22", "a":1}`, `{"newPassword": "[redacted]", "a":1}`},
		{"a password in SQL", "ALTER ROLE app PASSWORD 'hunter22' LOGIN", "ALTER ROLE app PASSWORD '[redacted]' LOGIN"},
		{"a password in SQL that holds quotes", `alter role app password 'hun''t"er22'`, "alter role app password '[redacted]'"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			logs, out := capture(t, logging.Options{})
			logs.Product.Info().Msg(tt.message)
			if got := messageOf(t, logs, out); got != tt.want {
				t.Errorf("got %q, want %q", got, tt.want)
			}
		})
	}
}

func TestNormalTextIsLeftAlone(t *testing.T) {
	t.Parallel()
	for _, message := range []string{
		"wrong password",
		"password: String must contain at least 6 character(s)",
		`column "password" of relation "users" does not exist`,
		"the user's password isn't set",
		"invalid input syntax for type uuid: \"abc\"",
		"GET http://localhost:7130/api/health from a@b.example",
		"see http://localhost:7130?mail=a@b.example",
		"relation anon_user_statistics_by_day does not exist",
		"index ik_orders_customer_email is unused",
		"Bearer of bad news",
		"price is $2 a piece",
		"tokens are eyJ-shaped",
	} {
		t.Run(message, func(t *testing.T) {
			t.Parallel()
			logs, out := capture(t, logging.Options{})
			logs.Product.Info().Str("before", "a").Msg(message)
			if got := messageOf(t, logs, out); got != message {
				t.Errorf("got %q, want %q", got, message)
			}
		})
	}
}

func TestConfiguredSecretsAreRemovedInEverySpelling(t *testing.T) {
	t.Parallel()
	const secret = `pa"ss\wörd &/%1` + "\t2"
	nested, err := json.Marshal(map[string]string{"x": secret})
	if err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		name string
		log  func(l *logging.Logs)
	}{
		{"in a message", func(l *logging.Logs) { l.Product.Info().Msg("got " + secret) }},
		{"in a field", func(l *logging.Logs) { l.Product.Info().Str("v", secret).Msg("m") }},
		{"in the name of a field", func(l *logging.Logs) { l.Product.Info().Str(secret, "v").Msg("m") }},
		{"in an error", func(l *logging.Logs) { l.Product.Error().Err(errors.New("bad " + secret)).Msg("m") }},
		{"in raw bytes", func(l *logging.Logs) { l.Product.Info().Bytes("v", []byte(secret)).Msg("m") }},
		{"in JSON within a message", func(l *logging.Logs) { l.Product.Info().Msg(string(nested)) }},
		{"percent-encoded for a query", func(l *logging.Logs) { l.Product.Info().Msg("a=pa%22ss%5Cw%C3%B6rd+%26%2F%251%092&b") }},
		{"percent-encoded for a path", func(l *logging.Logs) { l.Product.Info().Msg("/pa%22ss%5Cw%C3%B6rd%20&%2F%251%092/b") }},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			logs, out := capture(t, logging.Options{Secrets: []string{secret}})
			tt.log(logs)
			messageOf(t, logs, out)
			for _, part := range []string{"rd &", "wörd", "w%C3%B6rd", `ss\\w`} {
				if strings.Contains(out.String(), part) {
					t.Errorf("%q of the secret is in %s", part, out)
				}
			}
			if !strings.Contains(out.String(), "[redacted]") {
				t.Errorf("nothing was blotted out of %s", out)
			}
		})
	}
}

func TestASecretThatBeginsWithAnotherLeavesNoTail(t *testing.T) {
	t.Parallel()
	logs, out := capture(t, logging.Options{Secrets: []string{"correct horse", "correct horse battery"}})
	logs.Product.Info().Msg("it is: correct horse battery")
	if got, want := messageOf(t, logs, out), "it is: [redacted]"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestBothSourcesGoToTheirFilesWithoutSecrets(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "logs")
	logs, _ := capture(t, logging.Options{Dir: dir, Secrets: []string{"a secret value"}})
	logs.Product.Warn().Msg("product a secret value")
	logs.Postgres.Info().Msg("postgres a secret value")
	logs.Product.Debug().Msg("below the level")
	logs.Close()
	for file, source := range map[string]string{"insforge": "product", "postgres": "postgres"} {
		path := filepath.Join(dir, file+".logs.jsonl")
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		var line struct{ ID, Timestamp, Level, Message string }
		if err := json.Unmarshal(text, &line); err != nil {
			t.Fatalf("%s: %v: %s", file, err, text)
		}
		if line.ID == "" || line.Timestamp == "" || line.Level == "" {
			t.Errorf("%s: got %+v, want id, timestamp and level", file, line)
		}
		if want := source + " [redacted]"; line.Message != want {
			t.Errorf("got message %q, want %q", line.Message, want)
		}
		if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o600 {
			t.Errorf("%s: got mode %v (%v), want 0600", path, info.Mode(), err)
		}
	}
}

func TestConcurrentLinesStayWholeAndHaveDifferentIDs(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "logs")
	logs, err := logging.Open(logging.Options{Dir: dir, Level: "info"})
	if err != nil {
		t.Fatal(err)
	}
	const writers, lines = 8, 50
	var group sync.WaitGroup
	for range writers {
		group.Go(func() {
			for range lines {
				logs.Product.Info().Str("filler", strings.Repeat("x", 500)).Msg("line")
			}
		})
	}
	group.Wait()
	logs.Close()
	text, err := os.ReadFile(filepath.Join(dir, "insforge.logs.jsonl"))
	if err != nil {
		t.Fatal(err)
	}
	ids := map[string]bool{}
	for line := range bytes.Lines(text) {
		var entry struct{ ID string }
		if err := json.Unmarshal(line, &entry); err != nil {
			t.Fatalf("%v: %s", err, line)
		}
		ids[entry.ID] = true
	}
	if len(ids) != writers*lines {
		t.Errorf("got %d different ids, want %d", len(ids), writers*lines)
	}
}

func TestAFileStaysBelowItsCap(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "logs")
	logs, err := logging.Open(logging.Options{Dir: dir, Level: "info"})
	if err != nil {
		t.Fatal(err)
	}
	filler := strings.Repeat("x", 1<<20)
	for range 70 {
		logs.Product.Info().Msg(filler)
	}
	logs.Close()
	info, err := os.Stat(filepath.Join(dir, "insforge.logs.jsonl"))
	if err != nil {
		t.Fatal(err)
	}
	if most := int64(20 << 20); info.Size() > most {
		t.Errorf("got %d bytes, want %d at most", info.Size(), most)
	}
}

func TestBadOptionsAreRefusedWithTheSettingToChange(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		name string
		o    logging.Options
		want string
	}{
		{"an unknown level", logging.Options{Dir: t.TempDir(), Level: "loud"}, "LOG_LEVEL"},
		{"a file where the directory should be", logging.Options{Dir: filepath.Join(file, "logs"), Level: "info"}, "log directory"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			_, err := logging.Open(tt.o)
			if err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("got %v, want an error with %q", err, tt.want)
			}
		})
	}
}
