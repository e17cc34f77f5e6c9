"""A wall between dealers: row-level security under a role that cannot pass it."""

from flexprint_server.migrations.wall import CUSTOMER, DEALER, make_role, number, protect

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

OF_DEALER = f"dealer_id = {DEALER}"
# Row-level security holds in these sub-selects too: they give the sites, devices and so on that may be seen.
AT_SITE = f"{OF_DEALER} AND ({CUSTOMER} IS NULL OR site_id IN (SELECT id FROM site))"
OF_DEVICE = f"{OF_DEALER} AND ({CUSTOMER} IS NULL OR device_id IN (SELECT id FROM device))"


def upgrade() -> None:
    make_role()
    reads = "SELECT"
    protect("dealer", f"id = {DEALER}", may=reads)
    protect("user_account", OF_DEALER)
    protect("sign_in", "user_id IN (SELECT id FROM user_account)")
    protect("customer", f"{OF_DEALER} AND ({CUSTOMER} IS NULL OR id = {CUSTOMER})")
    protect("site", f"{OF_DEALER} AND ({CUSTOMER} IS NULL OR customer_id = {CUSTOMER})")
    protect("install_key", AT_SITE)
    protect("agent", AT_SITE)
    protect("device", AT_SITE)
    protect("device_key", OF_DEVICE)
    protect("layout", OF_DEALER, may=reads)
    protect("read", OF_DEVICE, may=reads)
    protect("batch", f"{OF_DEALER} AND ({CUSTOMER} IS NULL OR agent_id IN (SELECT id FROM agent))", may=reads)
    protect("report", AT_SITE)
    protect("workbook", "report_id IN (SELECT id FROM report)", may=reads)
    protect("delivery", f"{OF_DEALER} AND ({CUSTOMER} IS NULL OR report_id IN (SELECT id FROM report))")
    # What pages will add rows to.
    number("user_account_id_seq", "sign_in_id_seq", "customer_id_seq", "site_id_seq", "install_key_id_seq")
    number("report_id_seq", "delivery_id_seq")
