package cli

import (
	"fmt"
	"io"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"unicode"

	"github.com/insforge/insforge-go/app"
	"github.com/insforge/insforge-go/app/config"
	"github.com/spf13/cobra"
)

func newServe() *cobra.Command {
	c := &cobra.Command{
		Use:        "serve",
		SuggestFor: []string{"start", "run", "up", "server"},
		Short:      "Start the backend on a data directory",
		Long: "Starts everything on one data directory, which the first start creates. On SIGINT,\n" +
			"SIGTERM or SIGHUP it finishes the requests in progress and stops Postgres. A second\n" +
			"signal ends it at once; no acknowledged write is lost.\n\n" +
			"Exit codes: 0 stopped on request, 1 could not start or had to stop, 2 wrong usage.\n\n" +
			"Settings, from the environment; a flag overrides its setting:\n" + settingsHelp(),
		Args: cobra.NoArgs,
	}
	dataDir := dataDirFlag(c)
	port := addSettingFlag(c, "port", "PORT", "number")
	host := addSettingFlag(c, "host", "HOST", "address")
	c.RunE = func(c *cobra.Command, _ []string) error {
		cfg, err := loadConfig(dataDir, port, host)
		if err != nil {
			return err
		}
		// The reader of our output may go away, as in serve | head; the service stays.
		signal.Notify(make(chan os.Signal, 1), syscall.SIGPIPE)
		return app.Run(c.Context(), cfg, app.Console{
			Log:   logWriter(c.ErrOrStderr()),
			Ready: func(b app.Banner) { printBanner(c.OutOrStdout(), b, dataDir) },
		})
	}
	return c
}

// settingsHelp lists what the environment can set, as package flag lists flags.
func settingsHelp() string {
	var b strings.Builder
	for _, s := range config.Settings() {
		fmt.Fprintf(&b, "  %s", s.Name)
		if s.Default != "" {
			fmt.Fprintf(&b, " (default %s)", s.Default)
		}
		fmt.Fprintf(&b, "\n        %s\n", s.Help())
	}
	return b.String()
}

// printBanner shows where everything is. The administrator's password is in it
// only at the first start that gets here, if it was generated.
func printBanner(w io.Writer, b app.Banner, dataDir *settingFlag) {
	// command is one that works when it is copied from here.
	command := func(name string) string {
		if dataDir.text == "" {
			return "insforge " + name
		}
		return "insforge " + name + " --data-dir " + shellQuote(dataDir.text)
	}
	line := func(label, format string, args ...any) {
		fmt.Fprintf(w, "  %-10s %s\n", label, fmt.Sprintf(format, args...))
	}
	fmt.Fprintf(w, "\ninsforge %s is ready in %d ms\n\n", b.Version, b.StartedIn.Milliseconds())
	line("API", "%s", b.URL)
	line("Dashboard", "%s/dashboard", b.URL)
	for _, url := range b.Network {
		line("Network", "%s", url)
	}
	switch {
	case b.AdminPassword != "":
		line("Sign in", "%s  %s   (show it again: %s)", b.AdminUsername, b.AdminPassword, command("keys show --password"))
	case b.AdminPasswordGiven:
		line("Sign in", "%s   (password: ROOT_ADMIN_PASSWORD)", b.AdminUsername)
	default:
		line("Sign in", "%s   (password: %s)", b.AdminUsername, command("keys show --password"))
	}
	for _, key := range []struct {
		label, setting, prefix string
		is                     app.GivenKey
	}{{"API key", "ACCESS_API_KEY", "ik_", b.APIKey}, {"Anon key", "ACCESS_ANON_KEY", "anon_", b.AnonKey}} {
		switch key.is {
		case app.GivenKeyInForce:
			line(key.label, "from %s, beginning with %s   (%s)", key.setting, key.prefix, command("keys show"))
		case app.GivenKeyIgnored:
			line(key.label, "the project's own; %s applies only at the first start   (%s)", key.setting, command("keys show"))
		}
	}
	line("Secrets", "%s   (%s)", b.SecretsPath, command("keys show"))
	if b.PostgresPort != 0 {
		line("Postgres", "postgres://postgres@127.0.0.1:%d/%s   (with its password: %s)", b.PostgresPort, b.Database, command("db url"))
	}
	if b.Mail != "" {
		line("Mail", "%s", b.Mail)
	}
	fmt.Fprintln(w)
}

// shellQuote returns text quoted so that a shell takes it as one word.
func shellQuote(text string) string {
	plain := func(r rune) bool {
		return unicode.IsLetter(r) || unicode.IsDigit(r) || strings.ContainsRune("/._-+=:@%", r)
	}
	if text != "" && strings.TrimFunc(text, plain) == "" {
		return text
	}
	return "'" + strings.ReplaceAll(text, "'", `'\''`) + "'"
}
