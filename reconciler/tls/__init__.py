"""Who is who between orchestrator and agents: certificates, join tokens, TLS, and who is let in.

Mutual TLS 1.3 under an authority of the installation's own; a certificate says its Member in one URI. What may be
done by whom, and where lists of the denied and of invitations lie, is for the programs that use this.
"""
