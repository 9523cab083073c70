package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"time"

	"github.com/insforge/insforge-go/app"
	"github.com/insforge/insforge-go/app/config"
	"github.com/insforge/insforge-go/primitives/auth/tokens"
	"github.com/insforge/insforge-go/primitives/kernel/identity"
	"github.com/spf13/cobra"
)

// tokenLifetime is how long a command that signs its own token may take. Both
// processes have the same clock.
const tokenLifetime = time.Minute

func newKeys() *cobra.Command {
	return newGroup("keys", "Show and rotate the project's keys", "", newKeysShow(), newKeysRotate())
}

// shownKeys are what a client or an agent needs. Signing keys stay in the file,
// and so does the password unless it is asked for.
type shownKeys struct {
	URL           string `json:"url"`
	APIKey        string `json:"apiKey"`
	AnonKey       string `json:"anonKey"`
	AdminUsername string `json:"adminUsername"`
	// AdminPassword is set when it was asked for.
	AdminPassword string `json:"adminPassword,omitempty"`
	SecretsFile   string `json:"secretsFile"`
	// Source is "project" for keys that the running project named, "settings"
	// for those that it was configured with.
	Source string `json:"source"`
}

// The sources of shown keys.
const (
	fromProject  = "project"
	fromSettings = "settings"
)

func newKeysShow() *cobra.Command {
	c := &cobra.Command{
		Use:   "show",
		Short: "Print the API key and the anon key",
		Long: "Prints the API key (full access: keep it on servers), the anon key (for browsers\n" +
			"and apps), the administrator's name and the path of the other secrets. With\n" +
			"--password it prints the administrator's password, too.\n\n" +
			"The keys in force are in the project's database, so a running project is asked for\n" +
			"them. For a stopped one the configured keys are printed, with a note on standard\n" +
			"error.\n\n" +
			"Exit codes: 0 printed, 1 no project in the data directory or not readable, 2 wrong usage.",
		Args: cobra.NoArgs,
	}
	dataDir := dataDirFlag(c)
	password := c.Flags().Bool("password", false, "print the administrator's password, too")
	asJSON := c.Flags().Bool("json", false, "print JSON")
	c.RunE = func(c *cobra.Command, _ []string) error {
		cfg, err := loadConfig(dataDir)
		if err != nil {
			return err
		}
		s, err := storedSecrets(cfg)
		if err != nil {
			return err
		}
		k := shownKeys{URL: cfg.Server.BaseURL, APIKey: s.APIKey, AnonKey: s.AnonKey, AdminUsername: s.AdminUsername, SecretsFile: s.Path, Source: fromSettings}
		p, err := administered(cfg, s)
		if err != nil {
			return err
		}
		if p == nil {
			fmt.Fprintf(c.ErrOrStderr(), "insforge: no process serves %s, so these are the configured keys; the database may hold others: run insforge serve and ask again\n", cfg.DataDir)
		} else if err := k.ask(c.Context(), p); err != nil {
			return err
		}
		if *password {
			k.AdminPassword = s.AdminPassword
			if p != nil { // regardless of this command's environment
				if k.AdminPassword, err = config.AdminPassword(cfg); err != nil {
					return err
				}
			}
		}
		if *asJSON {
			return printJSON(c.OutOrStdout(), k)
		}
		return k.print(c.OutOrStdout())
	}
	return c
}

// print is for people.
func (k shownKeys) print(w io.Writer) error {
	text := fmt.Sprintf("URL       %s\nAPI key   %s\nAnon key  %s\nAdmin     %s\n", k.URL, k.APIKey, k.AnonKey, k.AdminUsername)
	if k.AdminPassword != "" {
		text += "Password  " + k.AdminPassword + "\n"
	}
	_, err := fmt.Fprintf(w, "%sSecrets   %s\n", text, k.SecretsFile)
	return err
}

// ask replaces the keys by those that the running project names.
func (k *shownKeys) ask(ctx context.Context, p *project) error {
	k.URL, k.Source = p.url, fromProject
	if err := p.call(ctx, http.MethodGet, "/api/metadata/api-key", nil, k); err != nil {
		return err
	}
	return p.call(ctx, http.MethodGet, "/api/metadata/anon-key", nil, k)
}

// administered returns the process that serves the data directory, nil when
// none does. Its keys may differ from the settings, so it is asked with a
// token that the project's secret signs.
func administered(cfg config.Config, s config.LoadedSecrets) (*project, error) {
	running, err := app.Serving(cfg.DataDir)
	if err != nil || !running {
		return nil, err
	}
	i, err := serving(cfg)
	if err != nil {
		return nil, err
	}
	now := time.Now()
	p := newProject(i.URL, "")
	p.token, err = tokens.SharedAccess(s.JWTSecret, "local:"+s.AdminUsername, string(identity.RoleProjectAdmin), now, now.Add(tokenLifetime))
	return p, err
}

func storedSecrets(cfg config.Config) (config.LoadedSecrets, error) {
	s, err := config.ReadSecrets(cfg)
	if errors.Is(err, fs.ErrNotExist) {
		return s, fmt.Errorf("there is no project in %s yet; run insforge serve first, or name another folder with --data-dir", cfg.DataDir)
	}
	return s, err
}
