// Package config turns the environment, the flags and the secrets file into
// one checked Config. Nothing else of a process that serves reads the
// environment; commands that ask a running one have variables of their own.
package config

import (
	"errors"
	"fmt"
	"maps"
	"net"
	"net/url"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/caarlos0/env/v11"
)

// DefaultDataDir is where a project lives unless told otherwise: beside the
// code it belongs to.
const DefaultDataDir = "insforge-data"

// maxCredentialLength bounds the administrator's name and password.
const maxCredentialLength = 4096

var logLevels = []string{"trace", "debug", "info", "warn", "error"}

// Config is everything that can be set, with defaults applied.
type Config struct {
	DataDir string `env:"INSFORGE_DATA_DIR" envDefault:"insforge-data"`
	// Host is the address to listen on. Loopback unless asked otherwise:
	// traffic to other machines belongs behind TLS.
	Host string `env:"HOST" envDefault:"127.0.0.1"`
	Port int    `env:"PORT" envDefault:"7130"`
	// APIBaseURL is the address that links and callbacks use.
	APIBaseURL string     `env:"API_BASE_URL"`
	TrustProxy TrustProxy `env:"TRUST_PROXY"`

	MaxJSONBody       ByteSize `env:"MAX_JSON_BODY_SIZE" envDefault:"100mb"`
	MaxURLEncodedBody ByteSize `env:"MAX_URLENCODED_BODY_SIZE" envDefault:"10mb"`
	// MaxFileSize bounds the files of imports and bulk upserts.
	MaxFileSize ByteSize     `env:"MAX_FILE_SIZE" envDefault:"50mb"`
	KeepAlive   Milliseconds `env:"KEEP_ALIVE_TIMEOUT_MS" envDefault:"65000"`

	// Mailbox keeps mails for the administrator to read while no mail server
	// is set up, until the administrator decides otherwise.
	Mailbox bool `env:"MAILBOX"`
	// SMTPAllowPrivateHosts lets the administrator name a mail server of the
	// private network.
	SMTPAllowPrivateHosts bool `env:"SMTP_ALLOW_PRIVATE_HOSTS"`
	// OAuthAllowPrivateHosts lets custom providers be of the private network.
	OAuthAllowPrivateHosts bool `env:"OAUTH_ALLOW_PRIVATE_HOSTS"`

	LogLevel string `env:"LOG_LEVEL" envDefault:"info"`
	LogsDir  string `env:"LOGS_DIR"`

	ProjectID string `env:"PROJECT_ID"`

	Postgres Postgres
	Given    Given
	// OAuth are the providers that the first start sets up.
	OAuth OAuth
}

// OAuth is one registration at each built-in provider.
type OAuth struct {
	Google    Registration `envPrefix:"GOOGLE_"`
	GitHub    Registration `envPrefix:"GITHUB_"`
	Discord   Registration `envPrefix:"DISCORD_"`
	LinkedIn  Registration `envPrefix:"LINKEDIN_"`
	Microsoft Registration `envPrefix:"MICROSOFT_"`
	X         Registration `envPrefix:"X_"`
	Apple     Registration `envPrefix:"APPLE_"`
}

// Registration is how a provider knows the project; both parts are needed.
type Registration struct {
	ClientID     string `env:"CLIENT_ID"`
	ClientSecret string `env:"CLIENT_SECRET"`
}

// Secrets are the client secrets, for whoever must keep them out of logs.
func (o OAuth) Secrets() (all []string) {
	for _, r := range o.All() {
		all = append(all, r.ClientSecret)
	}
	return all
}

// All returns the registrations by the provider's name.
func (o OAuth) All() map[string]Registration {
	return map[string]Registration{
		"google": o.Google, "github": o.GitHub, "discord": o.Discord, "linkedin": o.LinkedIn,
		"microsoft": o.Microsoft, "x": o.X, "apple": o.Apple,
	}
}

// Postgres says which database to use. Without URL and Host the product runs
// its own; then User, Password, Database and Port describe that one.
type Postgres struct {
	URL      string `env:"DATABASE_URL"`
	Host     string `env:"POSTGRES_HOST"`
	Port     int    `env:"POSTGRES_PORT" envDefault:"5432"`
	Database string `env:"POSTGRES_DB" envDefault:"insforge"`
	User     string `env:"POSTGRES_USER" envDefault:"postgres"`
	Password string `env:"POSTGRES_PASSWORD"`
}

// Given are secrets that the environment dictates. An empty one is read from
// the secrets file, or generated.
type Given struct {
	JWTSecret     string `env:"JWT_SECRET"`
	EncryptionKey string `env:"ENCRYPTION_KEY"`
	AdminUsername string `env:"ROOT_ADMIN_USERNAME"`
	AdminPassword string `env:"ROOT_ADMIN_PASSWORD"`
	LegacyEmail   string `env:"ADMIN_EMAIL"`
	LegacyPass    string `env:"ADMIN_PASSWORD"`
	APIKey        string `env:"ACCESS_API_KEY"`
	AnonKey       string `env:"ACCESS_ANON_KEY"`
}

// External reports whether the database is somebody else's to run.
func (p Postgres) External() bool { return p.URL != "" || p.Host != "" }

// DSN is the connection string of an external database.
func (p Postgres) DSN() string {
	if p.URL != "" {
		return p.URL
	}
	u := url.URL{
		Scheme: "postgres",
		User:   url.UserPassword(p.User, p.Password),
		Host:   net.JoinHostPort(p.Host, strconv.Itoa(p.Port)),
		Path:   "/" + p.Database,
	}
	return u.String()
}

// Secret is the password of an external database, also where it stands in the
// URL, as it is and not as the URL spells it; "" when there is none.
func (p Postgres) Secret() string {
	if u, err := url.Parse(p.URL); err == nil && p.URL != "" {
		if password, ok := u.User.Password(); ok {
			return password
		}
		return u.Query().Get("password")
	}
	return p.Password
}

// Load reads environ (lines of the form NAME=value). Flags are applied by the
// caller afterwards; Validate comes last.
func Load(environ []string) (Config, error) {
	var c Config
	values := env.ToMap(environ)
	for name, value := range values {
		if strings.TrimSpace(value) == "" { // set but blank means not set
			delete(values, name)
		}
	}
	if err := env.ParseWithOptions(&c, env.Options{Environment: values}); err != nil {
		return Config{}, explain(err, values)
	}
	g := &c.Given
	if g.AdminUsername == "" {
		g.AdminUsername = g.LegacyEmail
	}
	if g.AdminPassword == "" {
		g.AdminPassword = g.LegacyPass
	}
	g.APIKey = withPrefix(strings.TrimSpace(g.APIKey), "ik_")
	g.AnonKey = withPrefix(strings.TrimSpace(g.AnonKey), "anon_")
	return c, nil
}

// explain names the variable that cannot be parsed; the parser knows only the
// name of its field.
func explain(err error, values map[string]string) error {
	for _, name := range slices.Sorted(maps.Keys(values)) {
		alone := env.Options{Environment: map[string]string{name: values[name]}}
		var parse env.ParseError
		if errors.As(env.ParseWithOptions(&Config{}, alone), &parse) {
			return fmt.Errorf("environment variable %s: %w", name, parse.Err)
		}
	}
	return fmt.Errorf("environment: %w", err)
}

func withPrefix(key, prefix string) string {
	if key == "" || strings.HasPrefix(key, prefix) {
		return key
	}
	return prefix + key
}

// Validate completes what follows from other settings and refuses what cannot
// work. Its errors name the variable to change.
func (c *Config) Validate() error {
	if c.Port < 0 || c.Port > 65535 {
		return fmt.Errorf("PORT %d is not a port number (1 to 65535)", c.Port)
	}
	if c.Postgres.Port < 1 || c.Postgres.Port > 65535 {
		return fmt.Errorf("POSTGRES_PORT %d is not a port number (1 to 65535)", c.Postgres.Port)
	}
	if !slices.Contains(logLevels, c.LogLevel) {
		return fmt.Errorf("LOG_LEVEL %q is none of %s", c.LogLevel, strings.Join(logLevels, ", "))
	}
	dir, err := filepath.Abs(c.DataDir)
	if err != nil {
		return fmt.Errorf("data directory %s: %w", c.DataDir, err)
	}
	c.DataDir = dir
	if c.LogsDir == "" {
		c.LogsDir = filepath.Join(dir, "logs")
	}
	if c.APIBaseURL == "" {
		c.APIBaseURL = "http://localhost:" + strconv.Itoa(c.Port)
	}
	c.APIBaseURL = strings.TrimRight(c.APIBaseURL, "/")
	if u, err := url.Parse(c.APIBaseURL); err != nil || u.Host == "" || (u.Scheme != "http" && u.Scheme != "https") {
		return errors.New("API_BASE_URL is not an http(s) URL, for example https://api.example.com")
	}
	if !c.Postgres.External() && c.Postgres.User != "postgres" {
		return errors.New("POSTGRES_USER has no effect on the product's own Postgres, whose owner is postgres; unset it or name a server with POSTGRES_HOST")
	}
	return c.Given.validate(c.Postgres)
}

// published are values that stand in public example files. Whoever starts
// with one runs a server whose keys everybody knows.
var published = map[string]bool{
	"change-this-password":                                         true,
	"your-secret-key-here-must-be-32-char-or-above":                true,
	"dev-secret-please-change-in-production":                       true,
	"dev-secret-please-change-in-production-must-be-32b":           true,
	"ik_your-api-key-here-32-chars-minimum":                        true,
	"anon_your-anon-key-here":                                      true,
	"your-encryption-key-here-must-be-32-char-or-above":            true,
	"your-super-secret-jwt-token-with-at-least-32-characters-long": true,
}

func (g Given) validate(p Postgres) error {
	secrets := []struct{ name, value string }{
		{"JWT_SECRET", g.JWTSecret},
		{"ENCRYPTION_KEY", g.EncryptionKey},
		{"ROOT_ADMIN_PASSWORD", g.AdminPassword},
		{"ACCESS_API_KEY", g.APIKey},
		{"ACCESS_ANON_KEY", g.AnonKey},
	}
	for _, s := range secrets {
		if published[strings.TrimSpace(s.value)] {
			return fmt.Errorf("%s is the placeholder of a public example file, so everybody knows it; "+
				"unset it to have a random one generated, or set one of your own", s.name)
		}
	}
	if !p.External() && p.Password == "postgres" {
		return errors.New("POSTGRES_PASSWORD is the placeholder of a public example file; " +
			"unset it to have a random one generated, or set one of your own")
	}
	if g.APIKey == "ik_" || g.AnonKey == "anon_" {
		return errors.New("ACCESS_API_KEY and ACCESS_ANON_KEY need a value behind their prefix")
	}
	if len(g.AdminUsername) > maxCredentialLength || len(g.AdminPassword) > maxCredentialLength {
		return fmt.Errorf("ROOT_ADMIN_USERNAME and ROOT_ADMIN_PASSWORD may have %d characters at most", maxCredentialLength)
	}
	return nil
}
