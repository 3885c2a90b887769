-- Back to where whoever reaches the machine may do everything. Who was a member, and every key, is lost; no book is.

set local role caudal_owner;

drop policy space_door on caudal.space;
drop function caudal.enterable(text, uuid[]);
drop table caudal.idempotency, caudal.api_key, caudal.invitation, caudal.member, caudal.attempt, caudal.ceremony,
    caudal.session_token, caudal.session, caudal.recovery_code, caudal.passkey, caudal.person;
drop function caudal.is_door();

reset role;
