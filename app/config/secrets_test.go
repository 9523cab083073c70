package config_test

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"syscall"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/insforge/insforge-go/app/config"
)

func in(dir string) config.Config { return config.Config{DataDir: dir} }

func ensure(t *testing.T, c config.Config) config.LoadedSecrets {
	t.Helper()
	s, err := config.EnsureSecrets(c)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func secretsFile(dir string) string { return filepath.Join(dir, config.SecretsFile) }

func write(t *testing.T, path, text string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}

func read(t *testing.T, path string) string {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func TestTheFirstStartMakesAllSecretsOnce(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	first := ensure(t, in(dir))
	if !first.NewAdminPassword {
		t.Error("the new administrator's password is not reported")
	}
	if info, err := os.Stat(first.Path); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("got mode %v (%v), want 0600", info.Mode(), err)
	}
	for name, form := range map[string]struct{ value, pattern string }{
		"API key":           {first.APIKey, `^ik_[0-9a-f]{64}$`},
		"anon key":          {first.AnonKey, `^anon_[0-9a-f]{64}$`},
		"JWT secret":        {first.JWTSecret, `^[0-9a-f]{64}$`},
		"encryption key":    {first.EncryptionKey, `^[0-9a-f]{64}$`},
		"admin password":    {first.AdminPassword, `^[0-9a-f]{24}$`},
		"admin name":        {first.AdminUsername, `^admin$`},
		"Postgres password": {first.PostgresPassword, `^[0-9a-f]{48}$`},
	} {
		if !regexp.MustCompile(form.pattern).MatchString(form.value) {
			t.Errorf("%s: got %q, want %s", name, form.value, form.pattern)
		}
	}
	if first.JWTSecret == first.EncryptionKey {
		t.Error("the encryption key is the JWT secret")
	}
	entries, err := os.ReadDir(dir)
	if err != nil || len(entries) != 1 {
		t.Errorf("got %d files (%v), want the secrets file alone", len(entries), err)
	}

	second := ensure(t, in(dir))
	if second.NewAdminPassword {
		t.Error("the second start reports a new password")
	}
	if diff := cmp.Diff(first.Secrets, second.Secrets); diff != "" {
		t.Errorf("the second start changed secrets: -first +second\n%s", diff)
	}
}

func TestReadSecretsReturnsWhatIsInForceAndChangesNothing(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	if _, err := config.ReadSecrets(in(dir)); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("got %v, want fs.ErrNotExist", err)
	}
	made := ensure(t, in(dir))
	before := read(t, made.Path)
	c := in(dir)
	c.Given.APIKey = "ik_given"
	got, err := config.ReadSecrets(c)
	if err != nil {
		t.Fatal(err)
	}
	want := made.Secrets
	want.APIKey = "ik_given"
	if diff := cmp.Diff(want, got.Secrets); diff != "" {
		t.Errorf("-want +got\n%s", diff)
	}
	if read(t, made.Path) != before {
		t.Error("reading changed the file")
	}
}

func TestAFileThatOthersMayReadIsClosed(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	made := ensure(t, in(dir))
	if err := os.Chmod(made.Path, 0o644); err != nil {
		t.Fatal(err)
	}
	ensure(t, in(dir))
	if info, err := os.Stat(made.Path); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("got mode %v (%v), want 0600", info.Mode(), err)
	}
}

func TestADamagedFileIsRefusedAndKept(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct{ name, text, want string }{
		{"empty", "", "damaged"},
		{"cut off", `{"jwtSecret":"hunter2hunter2`, "damaged"},
		{"not JSON", "hunter2hunter2", "damaged"},
		{"of other types", `{"jwtSecret":42}`, "damaged"},
		{"an empty object", "{}", "empty"},
		{"null", "null", "empty"},
		{"binary", "\x00\x01\xff", "damaged"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			write(t, secretsFile(dir), tt.text)
			_, err := config.EnsureSecrets(in(dir))
			if err == nil || !strings.Contains(err.Error(), tt.want) || !strings.Contains(err.Error(), "backup") {
				t.Errorf("got %v, want an error with %q that asks to restore a backup", err, tt.want)
			}
			if err != nil && strings.Contains(err.Error(), "hunter2") {
				t.Errorf("the error repeats what the file holds: %v", err)
			}
			if got := read(t, secretsFile(dir)); got != tt.text {
				t.Errorf("the file was changed to %q", got)
			}
		})
	}
}

func TestALostFileBesideADatabaseIsNotReplaced(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	if err := os.Mkdir(filepath.Join(dir, "postgres"), 0o700); err != nil {
		t.Fatal(err)
	}
	if _, err := config.EnsureSecrets(in(dir)); err == nil || !strings.Contains(err.Error(), "backup") {
		t.Errorf("got %v, want an error that asks to restore a backup", err)
	}
	if _, err := os.Stat(secretsFile(dir)); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("got %v, want no secrets file", err)
	}
}

func TestWhatTheEnvironmentGivesIsUsedButNotStored(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	c := in(dir)
	c.Given = config.Given{
		JWTSecret: "given-jwt", EncryptionKey: "given-enc", AdminUsername: "given-name",
		AdminPassword: "given-pw", APIKey: "ik_given", AnonKey: "anon_given",
	}
	c.Postgres.Password = "given-pg"
	got := ensure(t, c)
	want := config.Secrets{
		JWTSecret: "given-jwt", EncryptionKey: "given-enc", AdminUsername: "given-name",
		AdminPassword: "given-pw", AdminPasswordGiven: true, APIKey: "ik_given", AnonKey: "anon_given", PostgresPassword: "given-pg",
	}
	if diff := cmp.Diff(want, got.Secrets); diff != "" {
		t.Errorf("-want +got\n%s", diff)
	}
	if got.NewAdminPassword {
		t.Error("a given password is reported as new")
	}
	text := read(t, got.Path)
	for _, secret := range []string{"given-jwt", "given-enc", "ik_given", "anon_given", "given-pg"} {
		if strings.Contains(text, secret) {
			t.Errorf("the file holds what the environment gave: %s", text)
		}
	}
	if again := ensure(t, c); again.Secrets != want {
		t.Errorf("the next start got %+v, want the same", again.Secrets)
	}
}

func TestTheLastAdministratorStays(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	generated := ensure(t, in(dir))
	c := in(dir)
	c.Given.AdminUsername, c.Given.AdminPassword = "given-name", "given-pw"
	ensure(t, c)
	want := config.Secrets{AdminUsername: "given-name", AdminPassword: "given-pw"}
	check := func(got config.Secrets) {
		t.Helper()
		if got.AdminUsername != want.AdminUsername || got.AdminPassword != want.AdminPassword || got.AdminPasswordGiven {
			t.Errorf("got %+v, want %+v", got, want)
		}
	}
	check(ensure(t, in(dir)).Secrets) // not the generated password
	if given, err := config.SetAdminPassword(c, "another one"); err != nil || given {
		t.Errorf("got %v, %v, want a password that no environment gives", given, err)
	}
	want.AdminPassword = "another one"
	if got, err := config.AdminPassword(c); err != nil || got != want.AdminPassword {
		t.Errorf("got %q, %v, want %q", got, err, want.AdminPassword)
	}
	again := ensure(t, in(dir))
	check(again.Secrets)
	if again.NewAdminPassword || again.JWTSecret != generated.JWTSecret {
		t.Errorf("got %+v, want the other secrets unchanged", again)
	}
	ensure(t, c)
	if given, err := config.SetAdminPassword(c, "a third one"); err != nil || !given {
		t.Errorf("got %v, %v, want to know that the environment gives a password", given, err)
	}
}

func TestAnOverrideLeavesWhatWasStored(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	stored := ensure(t, in(dir))
	c := in(dir)
	c.Given.JWTSecret = "given-jwt"
	if got := ensure(t, c).JWTSecret; got != "given-jwt" {
		t.Errorf("got %q, want given-jwt", got)
	}
	if got := ensure(t, in(dir)).JWTSecret; got != stored.JWTSecret {
		t.Errorf("got %q after the override, want what was stored", got)
	}
}

func TestAnEncryptionKeyThatTheEnvironmentNoLongerGivesIsNotReplaced(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	c := in(dir)
	c.Given.EncryptionKey = "given-enc"
	made := ensure(t, c)
	before := read(t, made.Path)
	if _, err := config.EnsureSecrets(in(dir)); err == nil || !strings.Contains(err.Error(), "ENCRYPTION_KEY") {
		t.Errorf("got %v, want an error that names ENCRYPTION_KEY", err)
	}
	if read(t, made.Path) != before {
		t.Error("the file was changed")
	}
}

func TestReadersNeverSeeHalfAFile(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	ensure(t, in(dir))
	done := make(chan struct{})
	var readers sync.WaitGroup
	for range 4 {
		readers.Go(func() {
			for {
				select {
				case <-done:
					return
				default:
				}
				if _, err := config.ReadSecrets(in(dir)); err != nil {
					t.Errorf("read while the file is replaced: %v", err)
					return
				}
			}
		})
	}
	complete := read(t, secretsFile(dir))
	for range 50 {
		// A file without the API key makes the next start write a whole one.
		without := regexp.MustCompile(`"apiKey": "[^"]+",\s*`).ReplaceAllString(complete, "")
		part := filepath.Join(dir, "part")
		write(t, part, without)
		if err := os.Rename(part, secretsFile(dir)); err != nil {
			t.Fatal(err)
		}
		ensure(t, in(dir))
	}
	close(done)
	readers.Wait()
}

func TestValuesListsEverySecretAndNoBlank(t *testing.T) {
	t.Parallel()
	s := config.Secrets{
		JWTSecret: "a", EncryptionKey: "b", AdminUsername: "name", AdminPassword: "c", APIKey: "d",
		AnonKey: "e", PostgresPassword: " ",
	}
	if diff := cmp.Diff([]string{"a", "b", "c", "d", "e"}, s.Values()); diff != "" {
		t.Errorf("-want +got\n%s", diff)
	}
}

// Root may set the password of a project that another user serves.
func TestTheSecretsFileKeepsItsOwner(t *testing.T) {
	t.Parallel()
	if os.Geteuid() != 0 {
		t.Skip("only root can write files of others")
	}
	c := in(t.TempDir())
	path := ensure(t, c).Path
	const nobody = 65534
	if err := os.Chown(path, nobody, nobody); err != nil {
		t.Fatal(err)
	}
	if _, err := config.SetAdminPassword(c, "another one"); err != nil {
		t.Fatal(err)
	}
	info, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	if owner := info.Sys().(*syscall.Stat_t); owner.Uid != nobody || owner.Gid != nobody || info.Mode().Perm() != 0o600 {
		t.Errorf("got owner %d:%d and mode %v, want the file to stay that of %d", owner.Uid, owner.Gid, info.Mode(), nobody)
	}
}
