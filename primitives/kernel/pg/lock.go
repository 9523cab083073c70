package pg

import "context"

// Lock is an advisory lock that more than one primitive takes, so that changes
// which must agree with each other are made one after the other.
type Lock int64

// MailSettings is for what depends on whether mails can be sent, and for what
// they must be sent for: verification needs a mail service, and one that
// verification needs cannot be switched off.
const MailSettings Lock = 1869573991

// Take waits for the lock, which tx then holds until it ends.
func (l Lock) Take(ctx context.Context, tx Tx) error {
	_, err := tx.Exec(ctx, `SELECT pg_advisory_xact_lock($1)`, int64(l))
	return err
}
