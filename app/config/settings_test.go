package config_test

import (
	"flag"
	"fmt"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/insforge/insforge-go/app/config"
	"github.com/insforge/insforge-go/embed/bundle"
)

var update = flag.Bool("update", false, "write the settings into README.md")

// The README lists exactly what Settings does; -update writes it.
func TestTheREADMEListsEverySetting(t *testing.T) {
	const readme, head = "../../README.md", "| variable | default | what it sets |\n|---|---|---|\n"
	text, err := os.ReadFile(readme)
	if err != nil {
		t.Fatal(err)
	}
	before, rest, found := strings.Cut(string(text), head)
	if !found {
		t.Fatalf("the README has no table that begins with %q", head)
	}
	rows := regexp.MustCompile(`^(\|.*\n)*`).FindString(rest)
	var want strings.Builder
	for _, s := range config.Settings() {
		fmt.Fprintf(&want, "| `%s` | %s | %s |\n", s.Name, s.Default, s.Help())
	}
	if rows == want.String() {
		return
	}
	if !*update {
		t.Errorf("the README's table of settings differs from config.Settings; go test ./app/config -run README -update writes:\n%s", want.String())
		return
	}
	if err := os.WriteFile(readme, []byte(before+head+want.String()+rest[len(rows):]), 0o644); err != nil {
		t.Fatal(err)
	}
}

func TestSettingsAreDescribedOnce(t *testing.T) {
	t.Parallel()
	seen := map[string]bool{}
	for _, s := range config.Settings() {
		for _, name := range []string{s.Name, s.Formerly} {
			if name != "" && seen[name] {
				t.Errorf("%s is listed twice", name)
			}
			seen[name] = true
		}
		if s.Description == "" || strings.ContainsAny(s.Help(), "|\n") {
			t.Errorf("%s: the help %q is empty, or has characters that end a cell", s.Name, s.Help())
		}
		if s.Default != "" {
			if err := s.Check(s.Default); err != nil {
				t.Errorf("%s: the default is not allowed: %v", s.Name, err)
			}
		}
	}
	for _, name := range []string{bundle.CacheDirEnv, bundle.PostgresDirEnv} {
		if !seen[name] {
			t.Errorf("%s is not listed", name)
		}
	}
}

// An error says what is allowed with the wording of the list, and one start
// reports all wrong values.
func TestAllWrongSettingsAreReportedAtOnce(t *testing.T) {
	t.Parallel()
	const bad = "no such value"
	var environ, want []string
	for _, s := range config.Settings() {
		if s.Check(bad) != nil {
			environ = append(environ, s.Name+"="+bad)
			want = append(want, fmt.Sprintf("%s is %q: want %s", s.Name, bad, s.Allowed))
		}
	}
	if len(want) < 10 {
		t.Fatalf("got %d settings that refuse a value, want most of them", len(want))
	}
	environ = append(environ, "JWT_SECRET=change-this-password", "API_BASE_URL=ftp://example.com")
	_, err := config.Load(environ)
	if err == nil {
		t.Fatal("wrong settings were accepted")
	}
	got := strings.Split(err.Error(), "\n")
	for _, line := range want {
		if !slices.Contains(got, line) {
			t.Errorf("got\n%v\nwant the line\n%s", err, line)
		}
	}
	for _, name := range []string{"JWT_SECRET", "API_BASE_URL"} {
		if !strings.Contains(err.Error(), name+" is ") {
			t.Errorf("got\n%v\nwant it to name %s", err, name)
		}
	}
	if len(got) != len(want)+2 {
		t.Errorf("got %d lines, want %d:\n%v", len(got), len(want)+2, err)
	}
}

func TestAWrongValueIsRefusedInWords(t *testing.T) {
	t.Parallel()
	for line, want := range map[string]string{
		"PORT=xyz":        `PORT is "xyz": want a number from 0 to 65535`,
		"POSTGRES_PORT=0": `POSTGRES_PORT is "0": want a number from 1 to 65535`,
		"MAILBOX=ja":      `MAILBOX is "ja": want true or false`,
		"LOG_LEVEL=loud":  `LOG_LEVEL is "loud": want trace, debug, info, warn or error`,
		// A former name is the one to change.
		"ADMIN_PASSWORD=123":                      `ADMIN_PASSWORD has 3 characters; use at least 8, or leave it out to have a random one generated`,
		"ADMIN_EMAIL=" + strings.Repeat("x", 101): `ADMIN_EMAIL has 101 characters; use at most 100`,
	} {
		if _, err := config.Load([]string{line}); err == nil || err.Error() != want {
			t.Errorf("%s: got %v, want %s", line, err, want)
		}
	}
}

func TestTheLastLineOfAVariableCounts(t *testing.T) {
	t.Parallel()
	if c := mustLoad(t, "PORT=1", "PORT=2"); c.Server.Port != 2 {
		t.Errorf("got port %d, want 2", c.Server.Port)
	}
	if c := mustLoad(t, "PORT=1", "PORT="); c.Server.Port != 7130 {
		t.Errorf("got port %d, want the default", c.Server.Port)
	}
}

func TestNoSecretOfTheEnvironmentIsLogged(t *testing.T) {
	t.Parallel()
	var environ []string
	secrets := []string{"the-password"}
	for _, s := range config.Settings() {
		if s.Secret && s.Name != "DATABASE_URL" {
			value := strings.ToLower(s.Name) + "-of-thirty-two-bytes-and-more"
			environ, secrets = append(environ, s.Name+"="+value), append(secrets, value)
		}
	}
	c := mustLoad(t, append(environ, "DATABASE_URL=postgres://user:the-password@host/database")...)
	for _, s := range secrets {
		if !slices.ContainsFunc(c.Secrets(), func(kept string) bool { return strings.HasSuffix(kept, s) }) {
			t.Errorf("%s is not among the secrets to keep out of logs", s)
		}
	}
}
