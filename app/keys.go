package app

import (
	"context"
	"errors"

	"github.com/insforge/insforge-go/app/config"
	"github.com/insforge/insforge-go/app/logging"
	"github.com/insforge/insforge-go/primitives/auth/credentials"
	"github.com/insforge/insforge-go/primitives/kernel/identity"
)

// ResetAdminPassword stores a new administrator's password in a project that no
// process serves. given is as in config.SetAdminPassword.
//
// It returns ErrInUse while a process serves the project.
func ResetAdminPassword(cfg config.Config, password string) (given bool, err error) {
	dir, err := openDataDir(cfg.DataDir)
	if err != nil {
		return false, err
	}
	defer dir.Close()
	given, err = config.SetAdminPassword(cfg, password)
	if err != nil {
		return given, dataDirError(cfg.DataDir, err)
	}
	dir.passwordShown() // the former one never was, and is no longer of use
	return given, nil
}

// RotateSigningKey makes a new signing key for access tokens in a project that
// no process serves. It starts the database if we run it, and stops it again.
// revoke is as in credentials.Service.Rotate.
//
// It returns ErrInUse while a process serves the project, and an error that
// wraps fs.ErrNotExist when there is none.
func RotateSigningKey(ctx context.Context, cfg config.Config, revoke bool) (done credentials.Rotation, err error) {
	loaded, err := config.ReadSecrets(cfg)
	if err != nil {
		return done, err
	}
	dir, err := openDataDir(cfg.DataDir)
	if err != nil {
		return done, err
	}
	defer dir.Close()
	logs, err := logging.Open(logging.Options{
		Dir: cfg.Logs.Dir, Level: cfg.Logs.Level,
		Secrets: secretsOf(cfg, loaded.Secrets),
	})
	if err != nil {
		return done, err
	}
	defer logs.Close()
	place, err := locateDatabase(ctx, cfg)
	if err != nil {
		return done, err
	}
	db, err := openDatabase(ctx, cfg, place, loaded.Secrets, logs)
	if err != nil {
		return done, err
	}
	defer func() { err = errors.Join(err, db.Close()) }()

	b, err := newBase(parts{config: cfg, secrets: loaded.Secrets, db: db, log: logs.Product})
	if err != nil {
		return done, err
	}
	s, err := wireCredentials(b)
	if err != nil {
		return done, err
	}
	// The audit names the administrator: only an administrator can read the secrets.
	admin := identity.NewAdmin(identity.Admin, "local:"+loaded.AdminUsername)
	return s.Rotate(identity.With(ctx, admin), revoke)
}
