package cli

import (
	"context"
	"fmt"
	"net/http"

	"github.com/insforge/insforge-go/app"
	"github.com/insforge/insforge-go/app/config"
	"github.com/insforge/insforge-go/primitives/auth/credentials"
	"github.com/spf13/cobra"
)

func newKeysRotate() *cobra.Command {
	return newGroup("rotate", "Replace a key", "", newKeysRotateJWT())
}

func newKeysRotateJWT() *cobra.Command {
	c := &cobra.Command{
		Use:   "jwt",
		Short: "Replace the key that signs access tokens",
		Long: "Creates a new key pair for signing access tokens. The old one keeps verifying\n" +
			"tokens, and stays published beside the new one, until the last token it signed has\n" +
			"expired: nobody is signed out. With --revoke-old, for a key that was stolen, it\n" +
			"stops at once, and clients get new tokens at their next request.\n\n" +
			"A running project does it itself; for a stopped one it is done in its database.\n\n" +
			"Exit codes: 0 rotated, 1 not rotated, 2 wrong usage.",
		Args: cobra.NoArgs,
	}
	dataDir := dataDirFlag(c)
	revoke := c.Flags().Bool("revoke-old", false, "stop accepting tokens of the old key at once")
	asJSON := c.Flags().Bool("json", false, "print JSON")
	c.RunE = func(c *cobra.Command, _ []string) error {
		cfg, err := loadConfig(dataDir)
		if err != nil {
			return err
		}
		done, err := rotateJWT(c.Context(), cfg, *revoke)
		if err != nil {
			return err
		}
		if *asJSON {
			return printJSON(c.OutOrStdout(), done)
		}
		until := "is no longer accepted"
		if done.PreviousValidUntil != nil {
			until = "verifies tokens until " + done.PreviousValidUntil.String()
		}
		_, err = fmt.Fprintf(c.OutOrStdout(), "new key   %s signs tokens from now on\nold key   %s %s\n", done.KeyID, done.PreviousKeyID, until)
		return err
	}
	return c
}

// rotateJWT asks the process that serves the project, or rotates in the database.
func rotateJWT(ctx context.Context, cfg config.Config, revoke bool) (done credentials.Rotation, err error) {
	s, err := storedSecrets(cfg)
	if err != nil {
		return done, err
	}
	p, err := administered(cfg, s)
	if err != nil {
		return done, err
	}
	if p == nil {
		return app.RotateSigningKey(ctx, cfg, revoke)
	}
	return done, p.call(ctx, http.MethodPost, "/api/auth/keys/jwt/rotate", map[string]bool{"revokeOld": revoke}, &done)
}
