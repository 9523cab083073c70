package config_test

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/insforge/insforge-go/app/config"
)

func mustLoad(t *testing.T, environ ...string) config.Config {
	t.Helper()
	c, err := config.Load(environ)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func TestAnEmptyEnvironmentGivesTheDefaults(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	want := config.Config{
		DataDir: dir,
		Server: config.Server{
			Host: "127.0.0.1", Port: 7130, BaseURL: "http://localhost:7130",
			KeepAlive: config.Milliseconds(65 * time.Second),
		},
		Limits:   config.Limits{JSONBody: 100 << 20, FormBody: 10 << 20, File: 50 << 20},
		Logs:     config.Logs{Level: "info", Dir: dir + "/logs"},
		Postgres: config.Postgres{Port: 5432, Database: "insforge", User: "postgres"},
	}
	if diff := cmp.Diff(want, mustLoad(t, "INSFORGE_DATA_DIR="+dir)); diff != "" {
		t.Errorf("-want +got\n%s", diff)
	}
}

func TestEveryVariableIsRead(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		line string
		got  func(config.Config) any
		want any
	}{
		{"INSFORGE_DATA_DIR=/data/x", func(c config.Config) any { return c.DataDir }, "/data/x"},
		{"HOST=0.0.0.0", func(c config.Config) any { return c.Server.Host }, "0.0.0.0"},
		{"PORT=8080", func(c config.Config) any { return c.Server.Port }, 8080},
		{"PORT=8080", func(c config.Config) any { return c.Server.BaseURL }, "http://localhost:8080"},
		{"API_BASE_URL=https://api.example.com/", func(c config.Config) any { return c.Server.BaseURL }, "https://api.example.com"},
		{"TRUST_PROXY=2", func(c config.Config) any { return c.Server.TrustProxy.Hops }, 2},
		{"MAX_JSON_BODY_SIZE=1kb", func(c config.Config) any { return c.Limits.JSONBody }, config.ByteSize(1024)},
		{"MAX_URLENCODED_BODY_SIZE=2kb", func(c config.Config) any { return c.Limits.FormBody }, config.ByteSize(2048)},
		{"MAX_FILE_SIZE=3kb", func(c config.Config) any { return c.Limits.File }, config.ByteSize(3072)},
		{"MAILBOX=yes", func(c config.Config) any { return c.Mail.Mailbox }, true},
		{"SMTP_ALLOW_PRIVATE_HOSTS=1", func(c config.Config) any { return c.Mail.AllowPrivateHosts }, true},
		{"OAUTH_ALLOW_PRIVATE_HOSTS=on", func(c config.Config) any { return c.OAuth.AllowPrivateHosts }, true},
		{"KEEP_ALIVE_TIMEOUT_MS=1500", func(c config.Config) any { return time.Duration(c.Server.KeepAlive) }, 1500 * time.Millisecond},
		{"LOG_LEVEL=debug", func(c config.Config) any { return c.Logs.Level }, "debug"},
		{"LOGS_DIR=/var/log/x", func(c config.Config) any { return c.Logs.Dir }, "/var/log/x"},
		{"PROJECT_ID=p1", func(c config.Config) any { return c.ProjectID }, "p1"},
		{"DATABASE_URL=postgres://a@b/c", func(c config.Config) any { return c.Postgres.DSN() }, "postgres://a@b/c"},
		{"DATABASE_URL=postgres://a@b/c", func(c config.Config) any { return c.Postgres.External() }, true},
		{"POSTGRES_HOST=db", func(c config.Config) any { return c.Postgres.DSN() }, "postgres://postgres:@db:5432/insforge"},
		{"POSTGRES_HOST=::1", func(c config.Config) any { return c.Postgres.DSN() }, "postgres://postgres:@[::1]:5432/insforge"},
		{"POSTGRES_PORT=6432", func(c config.Config) any { return c.Postgres.Port }, 6432},
		{"POSTGRES_DB=shop", func(c config.Config) any { return c.Postgres.Database }, "shop"},
		{"POSTGRES_PASSWORD=p/w@ d:%41", func(c config.Config) any { return c.Postgres.Password }, "p/w@ d:%41"},
		{"JWT_SECRET=0123456789abcdef0123456789abcdef", func(c config.Config) any { return c.Given.JWTSecret }, "0123456789abcdef0123456789abcdef"},
		{"ENCRYPTION_KEY=fedcba9876543210fedcba9876543210", func(c config.Config) any { return c.Given.EncryptionKey }, "fedcba9876543210fedcba9876543210"},
		{"ROOT_ADMIN_USERNAME=root", func(c config.Config) any { return c.Given.AdminUsername }, "root"},
		{"ROOT_ADMIN_PASSWORD=pässword", func(c config.Config) any { return c.Given.AdminPassword }, "pässword"},
		{"ADMIN_EMAIL=a@b.co", func(c config.Config) any { return c.Given.AdminUsername }, "a@b.co"},
		{"ADMIN_PASSWORD=password2", func(c config.Config) any { return c.Given.AdminPassword }, "password2"},
		{"ACCESS_API_KEY= abc ", func(c config.Config) any { return c.Given.APIKey }, "ik_abc"},
		{"ACCESS_API_KEY=ik_abc", func(c config.Config) any { return c.Given.APIKey }, "ik_abc"},
		{"ACCESS_ANON_KEY=abc", func(c config.Config) any { return c.Given.AnonKey }, "anon_abc"},
		{"ACCESS_ANON_KEY=anon_abc", func(c config.Config) any { return c.Given.AnonKey }, "anon_abc"},
	} {
		t.Run(tt.line, func(t *testing.T) {
			t.Parallel()
			if diff := cmp.Diff(tt.want, tt.got(mustLoad(t, tt.line))); diff != "" {
				t.Errorf("-want +got\n%s", diff)
			}
		})
	}
}

func TestABlankVariableCountsAsUnset(t *testing.T) {
	t.Parallel()
	names := []string{"PORT", "HOST", "API_BASE_URL", "TRUST_PROXY", "MAX_JSON_BODY_SIZE", "KEEP_ALIVE_TIMEOUT_MS",
		"LOG_LEVEL", "DATABASE_URL", "POSTGRES_HOST", "POSTGRES_PORT", "POSTGRES_USER", "POSTGRES_PASSWORD",
		"JWT_SECRET", "ENCRYPTION_KEY", "ROOT_ADMIN_PASSWORD", "ACCESS_API_KEY", "ACCESS_ANON_KEY"}
	var blank []string
	for i, name := range names {
		blank = append(blank, name+"="+strings.Repeat(" ", i%2))
	}
	if diff := cmp.Diff(mustLoad(t), mustLoad(t, blank...)); diff != "" {
		t.Errorf("-unset +blank\n%s", diff)
	}
}

func TestTheNewAdministratorNamesWinOverTheLegacyOnes(t *testing.T) {
	t.Parallel()
	c := mustLoad(t, "ROOT_ADMIN_USERNAME=new", "ADMIN_EMAIL=old", "ROOT_ADMIN_PASSWORD=new password", "ADMIN_PASSWORD=old password")
	if c.Given.AdminUsername != "new" || c.Given.AdminPassword != "new password" {
		t.Errorf("got %q and %q, want new and new password", c.Given.AdminUsername, c.Given.AdminPassword)
	}
}

func TestWhatCannotWorkIsRefusedWithTheVariableToChange(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("x", 4097)
	for _, tt := range []struct{ name, line, want string }{
		{"a port that is not a number", "PORT=http", "PORT"},
		{"a port out of range", "PORT=65536", "PORT"},
		{"a negative port", "PORT=-1", "PORT"},
		{"a database port that is not a number", "POSTGRES_PORT=x", "POSTGRES_PORT"},
		{"a database port out of range", "POSTGRES_PORT=0", "POSTGRES_PORT"},
		{"a size without digits", "MAX_JSON_BODY_SIZE=lots", "MAX_JSON_BODY_SIZE"},
		{"a size that is not a number", "MAX_URLENCODED_BODY_SIZE=nan", "MAX_URLENCODED_BODY_SIZE"},
		{"a duration below zero", "KEEP_ALIVE_TIMEOUT_MS=-5", "KEEP_ALIVE_TIMEOUT_MS"},
		{"a base URL without a scheme", "API_BASE_URL=api.example.com", "API_BASE_URL"},
		{"a base URL of another scheme", "API_BASE_URL=ftp://api.example.com", "API_BASE_URL"},
		{"a negative number of proxies", "TRUST_PROXY=-1", "TRUST_PROXY"},
		{"a fractional number of proxies", "TRUST_PROXY=1.5", "TRUST_PROXY"},
		{"an unknown proxy name", "TRUST_PROXY=loopback, somewhere", "TRUST_PROXY"},
		{"an owner name for the product's own Postgres", "POSTGRES_USER=me", "POSTGRES_USER"},
		{"an API key that is only its prefix", "ACCESS_API_KEY=ik_", "ACCESS_API_KEY"},
		{"an anon key that is only its prefix", "ACCESS_ANON_KEY=anon_", "ACCESS_ANON_KEY"},
		{"a signing secret that can be guessed", "JWT_SECRET=0123456789abcdef0123456789abcde", "JWT_SECRET has 31 bytes; use at least 32, such as the output of openssl rand -hex 32, or unset it"},
		{"an encryption key that can be guessed", "ENCRYPTION_KEY=short", "ENCRYPTION_KEY has 5 bytes; use at least 32"},
		{"an administrator's password that can be guessed", "ROOT_ADMIN_PASSWORD=pässwör", "ROOT_ADMIN_PASSWORD has 7 characters; use at least 8"},
		{"a password of the product's own Postgres that can be guessed", "POSTGRES_PASSWORD=secret", "POSTGRES_PASSWORD has 6 characters; use at least 8"},
		{"an API key that no header can carry", "ACCESS_API_KEY=my key", "ACCESS_API_KEY has a space"},
		{"an anon key that no header can carry", "ACCESS_ANON_KEY=schlüssel", "ACCESS_ANON_KEY has a space or another character"},
		{"an administrator's name that cannot sign in", "ROOT_ADMIN_USERNAME=" + long[:101], "ROOT_ADMIN_USERNAME has 101 characters; use at most 100"},
		{"an administrator's name that is too long", "ROOT_ADMIN_USERNAME=" + long, "ROOT_ADMIN_USERNAME"},
		{"an administrator's password that is too long", "ROOT_ADMIN_PASSWORD=" + long, "ROOT_ADMIN_PASSWORD"},
		{"the published administrator's password", "ROOT_ADMIN_PASSWORD=change-this-password", "ROOT_ADMIN_PASSWORD"},
		{"a published signing secret", "JWT_SECRET=your-secret-key-here-must-be-32-char-or-above", "JWT_SECRET"},
		{"a published signing secret with spaces around it", "JWT_SECRET= dev-secret-please-change-in-production ", "JWT_SECRET"},
		{"a published encryption key", "ENCRYPTION_KEY=your-encryption-key-here-must-be-32-char-or-above", "ENCRYPTION_KEY"},
		{"a published API key without its prefix", "ACCESS_API_KEY=your-api-key-here-32-chars-minimum", "ACCESS_API_KEY"},
		{"the published password of the product's own Postgres", "POSTGRES_PASSWORD=postgres", "POSTGRES_PASSWORD"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			_, err := config.Load([]string{tt.line})
			if err == nil {
				t.Fatalf("%s was accepted", tt.line)
			}
			if !strings.Contains(err.Error(), tt.want) {
				t.Errorf("got %q, want it to name %s", err, tt.want)
			}
		})
	}
}

func TestARefusedSecretIsNotRepeated(t *testing.T) {
	t.Parallel()
	const secret = "your-secret-key-here-must-be-32-char-or-above"
	_, err := config.Load([]string{"JWT_SECRET=" + secret})
	if err == nil || strings.Contains(err.Error(), secret) {
		t.Errorf("got %v, want an error without the value", err)
	}
}

func TestAnExternalDatabaseMayHaveAnyUserAndPassword(t *testing.T) {
	t.Parallel()
	c := mustLoad(t, "POSTGRES_HOST=db", "POSTGRES_USER=me", "POSTGRES_PASSWORD=postgres")
	if got, want := c.Postgres.DSN(), "postgres://me:postgres@db:5432/insforge"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}
