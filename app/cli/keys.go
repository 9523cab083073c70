package cli

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"

	"github.com/insforge/insforge-go/app"
	"github.com/insforge/insforge-go/app/config"
	"github.com/spf13/cobra"
)

func newKeys() *cobra.Command {
	c := &cobra.Command{
		Use:   "keys",
		Short: "The keys of the project",
		Args:  cobra.NoArgs,
		RunE:  func(c *cobra.Command, _ []string) error { return c.Help() },
	}
	c.AddCommand(newKeysShow())
	return c
}

// shownKeys are what a client or an agent needs. Passwords and signing keys
// stay in the file.
type shownKeys struct {
	URL           string `json:"url"`
	APIKey        string `json:"apiKey"`
	AnonKey       string `json:"anonKey"`
	AdminUsername string `json:"adminUsername"`
	SecretsFile   string `json:"secretsFile"`
}

func newKeysShow() *cobra.Command {
	c := &cobra.Command{
		Use:   "show",
		Short: "Print the API key and the anon key",
		Long: "Prints the API key (full rights: keep it on servers), the anon key (for\n" +
			"browsers and apps), the administrator's name and where the other secrets are.\n\n" +
			"Exit codes: 0 printed, 1 no project in the data directory or not readable, 2 wrong usage.",
		Args: cobra.NoArgs,
	}
	dataDir := dataDirFlag(c)
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
		k := shownKeys{URL: projectURL(cfg), APIKey: s.APIKey, AnonKey: s.AnonKey, AdminUsername: s.AdminUsername, SecretsFile: s.Path}
		out := c.OutOrStdout()
		if *asJSON {
			enc := json.NewEncoder(out)
			enc.SetIndent("", "  ")
			return enc.Encode(k)
		}
		fmt.Fprintf(out, "URL       %s\nAPI key   %s\nAnon key  %s\nAdmin     %s\nSecrets   %s\n",
			k.URL, k.APIKey, k.AnonKey, k.AdminUsername, k.SecretsFile)
		return nil
	}
	return c
}

// projectURL is where the project is served. The process that does it knows
// better than this command's environment.
func projectURL(cfg config.Config) string {
	if serving, err := app.Serving(cfg.DataDir); err == nil && serving {
		if i, err := app.ReadInstance(cfg.DataDir); err == nil {
			return i.URL
		}
	}
	return cfg.APIBaseURL
}

func storedSecrets(cfg config.Config) (config.LoadedSecrets, error) {
	s, err := config.ReadSecrets(cfg)
	if errors.Is(err, fs.ErrNotExist) {
		return s, fmt.Errorf("there is no project in %s yet; run insforge serve first, or name another folder with --data-dir", cfg.DataDir)
	}
	return s, err
}
