// Package config turns the environment and the secrets file into one checked
// Config. Each area of the product has a node: a struct, the list of its
// settings, and the rules that relate them. [Settings] lists all of them;
// nothing else decides what a variable is called or may hold.
//
// To add a setting, add a field and its line in the settings method of its
// node; to add an area, add a file like mail.go and a line in [Config.nodes].
package config

import (
	"errors"
	"fmt"
	"path/filepath"
	"strings"
)

// Config is everything that can be set, with defaults applied.
type Config struct {
	DataDir   string
	ProjectID string

	Server   Server
	Limits   Limits
	Postgres Postgres
	Given    Given
	OAuth    OAuth
	Mail     Mail
	Logs     Logs
}

// node is the settings of one area.
type node interface {
	settings() []Setting
	// Validate completes what follows from other settings of the node, and
	// returns an error for what cannot work together. It names the variables
	// to change.
	Validate() error
}

func (c *Config) nodes() []node {
	return []node{&c.Server, &c.Limits, &c.Postgres, &c.Given, &c.OAuth, &c.Mail, &c.Logs}
}

func (c *Config) settings() []Setting {
	all := []Setting{
		// Beside the code that the project belongs to.
		{Name: "INSFORGE_DATA_DIR", Default: "./insforge-data", value: text(&c.DataDir),
			Description: "the folder that holds the project's data"},
		{Name: "PROJECT_ID", value: text(&c.ProjectID),
			Description: "the project's id in the metadata"},
	}
	for _, n := range c.nodes() {
		all = append(all, n.settings()...)
	}
	return append(all, elsewhere()...)
}

// elsewhere is what other parts read by themselves: the packages that start
// programs, the Go runtime and the commands that talk to a running project.
func elsewhere() []Setting {
	folder, size := readElsewhere("a folder"), readElsewhere("a size such as 512MiB")
	return []Setting{
		{Name: "INSFORGE_CACHE_DIR", value: folder, Description: "where the Postgres programs are unpacked; unset, the user's cache"},
		{Name: "INSFORGE_POSTGRES_DIR", value: folder, Description: "an installation of Postgres to use instead of the one in the executable"},
		{Name: "GOGC", value: readElsewhere("a percentage, or off"), Description: "how much garbage may accumulate; unset, 300"},
		{Name: "GOMEMLIMIT", value: size, Description: "soft limit of the executable's memory; unset, a quarter of the machine's and at least 256 MiB"},
		{Name: "INSFORGE_URL", value: readElsewhere("an http or https URL"), Description: "the running project that db and gen ask"},
		{Name: "INSFORGE_API_KEY", value: readElsewhere(""), Description: "the API key of that project"},
	}
}

// Settings returns everything that can be set, area by area.
func Settings() []Setting { return new(Config).settings() }

// Lookup returns the setting of a variable, which must exist.
func Lookup(name string) Setting {
	for _, s := range Settings() {
		if s.Name == name {
			return s
		}
	}
	panic("config: there is no setting " + name)
}

// Load reads environ, lines of the form NAME=value of which the last of a name
// counts, so that flags can be appended to the environment. A blank value means
// that the variable is not set. The error joins one for each wrong setting.
func Load(environ []string) (Config, error) {
	values := map[string]string{}
	for _, line := range environ {
		name, value, _ := strings.Cut(line, "=")
		delete(values, name)
		if strings.TrimSpace(value) != "" {
			values[name] = value
		}
	}
	var c Config
	var wrong []error
	for _, s := range c.settings() {
		wrong = append(wrong, s.load(values))
	}
	wrong = append(wrong, c.complete())
	for _, n := range c.nodes() {
		wrong = append(wrong, n.Validate())
	}
	if err := errors.Join(wrong...); err != nil {
		return Config{}, err
	}
	return c, nil
}

// complete fills in what follows from settings of other nodes.
func (c *Config) complete() error {
	dir, err := filepath.Abs(c.DataDir)
	if err != nil {
		return fmt.Errorf("data directory %s: %w", c.DataDir, err)
	}
	c.DataDir = dir
	if c.Logs.Dir == "" {
		c.Logs.Dir = filepath.Join(dir, LogsFolder)
	}
	return nil
}

// Secrets returns what the environment gave and logs must not show.
func (c Config) Secrets() []string {
	all := []string{c.Postgres.Secret()}
	for _, s := range c.settings() {
		if s.Secret && *s.kept != "" {
			all = append(all, *s.kept)
		}
	}
	return all
}
