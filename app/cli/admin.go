package cli

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"

	"github.com/insforge/insforge-go/app"
	"github.com/insforge/insforge-go/app/config"
	"github.com/spf13/cobra"
)

func newAdmin() *cobra.Command {
	return newGroup("admin", "Manage the administrator", "", newAdminResetPassword())
}

// passwordReset is what admin reset-password prints.
type passwordReset struct {
	Username string `json:"adminUsername"`
	// Password is set when it was generated.
	Password string `json:"adminPassword,omitempty"`
	// EndedSessions is how many sessions a running project ended.
	EndedSessions int `json:"endedSessions"`
}

func newAdminResetPassword() *cobra.Command {
	c := &cobra.Command{
		Use:   "reset-password",
		Short: "Set a new password for the administrator",
		Long: "Sets a new password for the administrator of the dashboard: a random one, which it\n" +
			"prints, or the line that --stdin reads. It is stored in the project's secrets file.\n\n" +
			"A running project accepts the new password at once, refuses the old one, and ends\n" +
			"all sessions of administrators. A stopped one does so from its next start on;\n" +
			"access tokens that are still valid then expire within 15 minutes.\n\n" +
			"Processes on other machines that share the database have secrets files of their\n" +
			"own: copy the new one there, too.\n\n" +
			"Exit codes: 0 set, 1 not set, or the sessions could not be ended, 2 wrong usage or\n" +
			"password.",
		Example: "  insforge admin reset-password\n" +
			"  insforge admin reset-password --stdin < password.txt",
		Args: cobra.NoArgs,
	}
	dataDir := dataDirFlag(c)
	stdin := c.Flags().Bool("stdin", false, "read the password from the first line of standard input")
	asJSON := c.Flags().Bool("json", false, "print JSON")
	c.RunE = func(c *cobra.Command, _ []string) error {
		cfg, err := loadConfig(dataDir)
		if err != nil {
			return err
		}
		password := config.NewPassword()
		if *stdin {
			if password, err = readPassword(c.InOrStdin()); err != nil {
				return err
			}
		}
		s, err := storedSecrets(cfg)
		if err != nil {
			return err
		}
		given, ended, err := resetPassword(c.Context(), cfg, s, password)
		if err != nil {
			return err
		}
		if given || cfg.Given.AdminPassword != "" {
			fmt.Fprintln(c.ErrOrStderr(), "insforge: the project was started with ROOT_ADMIN_PASSWORD; change it there too, or the next start sets the old password again")
		}
		done := passwordReset{Username: s.AdminUsername, EndedSessions: ended}
		if !*stdin {
			done.Password = password
		}
		if *asJSON {
			return printJSON(c.OutOrStdout(), done)
		}
		_, err = fmt.Fprintln(c.OutOrStdout(), done)
		return err
	}
	return c
}

// String is the text for people.
func (r passwordReset) String() string {
	text := "The administrator " + r.Username + " has a new password"
	if r.Password != "" {
		text += ": " + r.Password
	}
	if r.EndedSessions > 0 {
		text += "\n" + count(r.EndedSessions, "session") + " ended"
	}
	return text
}

// readPassword reads one line.
func readPassword(r io.Reader) (string, error) {
	line, err := bufio.NewReader(io.LimitReader(r, 64<<10)).ReadString('\n')
	if err != nil && !errors.Is(err, io.EOF) {
		return "", fmt.Errorf("read standard input: %w", err)
	}
	password := strings.TrimRight(line, "\r\n")
	if err := config.CheckAdminPassword("the password", password); err != nil {
		return "", codedError{err, exitUsage}
	}
	return password, nil
}

// resetPassword stores the password, and has the process that serves the
// project end the sessions that were opened with the old one.
func resetPassword(ctx context.Context, cfg config.Config, s config.LoadedSecrets, password string) (given bool, ended int, err error) {
	p, err := administered(cfg, s)
	if err != nil {
		return false, 0, err
	}
	if p == nil {
		given, err = app.ResetAdminPassword(cfg, password)
		return given, 0, err
	}
	// The password comes first: nobody may sign in with the old one after the
	// sessions have ended.
	if given, err = config.SetAdminPassword(cfg, password); err != nil {
		return given, 0, err
	}
	var answer struct{ RevokedCount int }
	if err := p.call(ctx, http.MethodDelete, "/api/auth/admin/sessions", nil, &answer); err != nil {
		return given, 0, fmt.Errorf("the new password is set (insforge keys show --password prints it), but sessions could not be ended; restart insforge serve: %w", err)
	}
	return given, answer.RevokedCount, nil
}
