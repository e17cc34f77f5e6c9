-- A fleet of one dealer, of any size; bench/fleet.py says what stands for the names in braces.

-- Device d lies at site 1 + d % SITES; a twentieth is stale, a hundredth new, an eighth has something low, some are retired.

INSERT INTO dealer (id, name, created_at, wants_second_factor)
  VALUES (1, 'Northwind Copiers', CAST('${now}' AS timestamptz) - interval '3 years', false), (2, 'Elsewhere',
    CAST('${now}' AS timestamptz) - interval '3 years', false);

INSERT INTO customer (id, dealer_id, name, created_at)
  SELECT n, 1, 'Customer ' || to_char(n, 'FM0000') || (ARRAY[' Dental', ' Legal', ' Schools', ' Logistics',
    ' & Sons'])[1 + n % 5], CAST('${now}' AS timestamptz) - interval '2 years'
  FROM generate_series(1, ${customers}) AS n;

INSERT INTO site (id, dealer_id, customer_id, name, created_at)
  SELECT n, 1, 1 + (n - 1) % ${customers}, (ARRAY['Head office', 'Warehouse', 'Main Street',
    'Quayside'])[1 + n % 4] || ' ' || n, CAST('${now}' AS timestamptz) - interval '2 years'
  FROM generate_series(1, ${sites}) AS n;

INSERT INTO agent (id, dealer_id, site_id, public_key, host, platform, version, enrolled_at, last_seen_at,
    last_sequence, last_hash, recipients)
  SELECT md5('agent' || n)::uuid, 1, n, decode(repeat('00', 32), 'hex'), 'FRONT-DESK-' || n, 'Windows-11', '0.1.0',
    CAST('${now}' AS timestamptz) - interval '1 year',
    CAST('${now}' AS timestamptz) - CASE WHEN n % 97 = 0 THEN interval '3 days' ELSE n % 600 * interval '1 minute' END, ${days}, decode(repeat('00', 32), 'hex'), '[]'
  FROM generate_series(1, ${sites}) AS n;

INSERT INTO device (id, dealer_id, site_id, agent_id, manufacturer, model, serial, asset, name, location, firmware,
    said, macs, address, color, search_text, total, supply_left, supply_low, state, errors, console, alerts,
    warnings, layout_id, meter_values, levels, percents, states, first_seen_at, last_read_at, owner_read_at,
    typed_text, in_fleet, retired_at)
  SELECT d, 1, s, md5('agent' || s)::uuid, maker, model, serial, asset, name, location, '2.1.14', '',
    json_build_array('00:17:c8:' || to_char(d % 1000000, 'FM00:00:00')), address, color, lower(concat_ws(E'\n',
    serial, asset, address, maker || ' ' || model, name, location)), total, low_left, low_left < 10, 'idle', '[]',
    '["Ready."]', '[]', '[]', l, json_build_array(total, total * 6 / 10, total * 4 / 10, total * 8 / 10,
    total * 2 / 10, total / 5, total / 3), json_build_array(low_left, 50, 60, 70), json_build_array(low_left, 50, 60,
    70), CASE WHEN low_left < 10 THEN 'l' ELSE 'o' END || 'ooo',
    CAST('${now}' AS timestamptz) - CASE WHEN d % 100 = 0 THEN d % 29 * interval '1 day' ELSE ${days} * interval '1 day' END, last_read, last_read, '', d % 500 <> 3,
    CASE WHEN d % 500 = 3 THEN CAST('${now}' AS timestamptz) - interval '5 days' END
  FROM (SELECT d, 1 + d % ${sites} AS s, 1 + d % ${models} AS l, 'VD' || d * 7919 AS serial, 'NW-' || d AS asset,
    'PRN-' || d AS name, (ARRAY['Copy room', 'Front desk', '2nd floor, east'])[1 + d % 3] AS location, concat_ws('.',
    10, d >> 16 & 255, d >> 8 & 255, d & 255) AS address,
    (d * 7919 % 900000)::bigint + (20 + d % 400) * ${days} AS total, d * 31 % 80 AS low_left,
    CAST('${now}' AS timestamptz) - CASE WHEN d % 20 = 0 THEN interval '9 days' ELSE d % 900 * interval '1 minute' END AS last_read
  FROM generate_series(1, ${devices}) AS d) AS facts
  JOIN made ON made.id = l;

INSERT INTO device_key (dealer_id, key, device_id)
  SELECT 1, 'serial:' || lower(manufacturer) || ':' || serial, id
  FROM device;

INSERT INTO batch (dealer_id, agent_id, sequence, hash, sealed, received_at, reads, gap)
  SELECT 1, md5('agent' || n)::uuid, 1 + day, sha256((n || '-' || day)::bytea), decode(repeat('5e', 200), 'hex'),
    CAST('${now}' AS timestamptz) - (${days} - day) * interval '1 day' + interval '1 minute', 33, false
  FROM generate_series(0, ${days} - 1) AS day, generate_series(1, ${sites}) AS n;

INSERT INTO read (dealer_id, device_id, batch_id, row, layout_id, read_at, uptime_s, total, meters, levels, percents,
    states)
  SELECT 1, d, 1 + day * ${sites} + d % ${sites}, d / ${sites}, 1 + d % ${models},
    CAST('${now}' AS timestamptz) - (${days} - day) * interval '1 day', 86400 * (1 + day % 40), t, ('['
    || concat_ws(', ', t, t * 6 / 10, t * 4 / 10, t * 8 / 10, t * 2 / 10, t / 5, t / 3) || ']')::json, ('['
    || concat_ws(', ', 100 - (d + day) % 90, 50, 60, 70) || ']')::json, ('[' || concat_ws(', ', 100 - (d + day) % 90,
    50, 60, 70) || ']')::json, 'oooo'
  FROM generate_series(${first}, ${last}) AS day, generate_series(1, ${devices}) AS d,
  LATERAL (SELECT (d * 7919 % 900000)::bigint + (20 + d % 400) * day AS t) AS x;

INSERT INTO site_day (dealer_id, day, site_id, pages, reads)
  SELECT 1, CAST(CAST('${now}' AS timestamptz) - (${days} - n) * interval '1 day' AS date), s, pages, reads
  FROM generate_series(0, ${days} - 1) AS n, (SELECT 1 + d % ${sites} AS s, sum(20 + d % 400) AS pages,
    count(*) AS reads
  FROM generate_series(1, ${devices}) AS d
  GROUP BY 1) AS x;

INSERT INTO report (dealer_id, site_id, agent_id, state, requested_at, created_at, attempts, file_name, devices,
    built_at, sent_at)
  SELECT 1, n, md5('agent' || n)::uuid, 'sent', at, at, 1, 'Workbook ' || n || '.xlsx', 33, at, at
  FROM generate_series(1, ${sites}) AS n, generate_series(1, 7) AS month,
  LATERAL (SELECT CAST('${now}' AS timestamptz) - month * interval '29 days' + n * interval '10 seconds' AS at) AS x;

INSERT INTO delivery (dealer_id, report_id, recipient, message_id, state, attempts, answer, changed_at)
  SELECT 1, id, 'billing@customer.example', '<' || id || '@x>', 'accepted', 1, '250 2.0.0 Ok', sent_at
  FROM report;

INSERT INTO audit_entry (dealer_id, at, user_id, who, what, target)
  SELECT 1, CAST('${now}' AS timestamptz) - n * interval '7 minutes', 1, 'alice@northwind.example',
    'device.labelled', 'device ' || n
  FROM generate_series(1, ${few} * 100) AS n;

INSERT INTO agent_state (agent_id, dealer_id, counter, checked_in_at, clock_offset_s, next_wake_at, health, settings,
    allows, unfit)
  SELECT id, 1, 1000, last_seen_at, 0, last_seen_at + interval '12 hours', '{"waiting_batches": 0}', '{}', '["read"]', '{}'
  FROM agent;

INSERT INTO agent_command (dealer_id, agent_id, name, asked_at, asked_by, state, settled_at)
  SELECT 1, md5('agent' || n)::uuid, 'read', CAST('${now}' AS timestamptz) - interval '9 days',
    'alice@northwind.example', 'done', CAST('${now}' AS timestamptz) - interval '8 days'
  FROM generate_series(1, ${sites}) AS n;

INSERT INTO agent_log (agent_id, dealer_id, received_at, content)
  SELECT md5('agent' || n)::uuid, 1, CAST('${now}' AS timestamptz) - interval '8 days', repeat('a line of a log\n', 2000)
  FROM generate_series(1, least(${sites}, 20)) AS n;

INSERT INTO install_key (dealer_id, site_id, key_hash, created_at, expires_at)
  SELECT 1, n, sha256(('key' || n)::bytea), CAST('${now}' AS timestamptz), CAST('${now}' AS timestamptz) + interval '3 days'
  FROM generate_series(1, least(${few}, ${sites})) AS n;

INSERT INTO user_account (dealer_id, email, password_hash, role, customer_id, created_at)
  SELECT 1, 'reader' || n || '@customer.example', '!', 'customer', n, CAST('${now}' AS timestamptz) - interval '1 year'
  FROM generate_series(1, ${customers}) AS n;

INSERT INTO setting_value (dealer_id, place, name, value, set_at, customer_id)
  SELECT 1, 'customer:' || n, 'alert_recipients', 'it@customer.example', CAST('${now}' AS timestamptz), n
  FROM generate_series(1, least(${few}, ${customers})) AS n;

INSERT INTO api_key (dealer_id, name, begins, key_hash, scopes, made_by, created_at, expires_at)
  SELECT 1, 'Program ' || n, 'fpa_' || n, sha256(('program' || n)::bytea), '["fleet"]', 'alice@northwind.example',
    CAST('${now}' AS timestamptz), CAST('${now}' AS timestamptz) + interval '1 year'
  FROM generate_series(1, least(${few}, 30)) AS n;

INSERT INTO suppression (dealer_id, address, list, reason, detail, at)
  SELECT 1, 'gone' || n || '@customer.example', '', 'bounced', '550 5.1.1 no such mailbox', CAST('${now}' AS timestamptz)
  FROM generate_series(1, ${few}) AS n;

INSERT INTO schedule (dealer_id, name, recurrence, zone, covers, recipients, sheets, columns, period, subject,
    file_name, next_at, created_at, created_by)
  SELECT 1, 'Customer ' || n || ', monthly', 'monthly 1 06:00', 'Europe/Berlin', json_build_object('kind',
    'customers', 'ids', json_build_array(n)), '["billing@customer.example"]', '["devices"]', '[]', 'month', '', '',
    CAST('${now}' AS timestamptz) + interval '20 days', CAST('${now}' AS timestamptz), 'alice@northwind.example'
  FROM generate_series(1, least(${few}, ${customers})) AS n;

INSERT INTO workbook_part (report_id, number, content)
  SELECT id, 0, decode(repeat('5e', 20000), 'hex')
  FROM report
  WHERE site_id <= 70;

INSERT INTO meter_epoch (dealer_id, device_id, meter, before_at, value_before, at, value_after, guess)
  SELECT 1, d, 'total', CAST('${now}' AS timestamptz) - interval '4 days', 9999000, CAST('${now}' AS timestamptz) -
    interval '3 days', 20, 'reset'
  FROM generate_series(1, ${few}) AS d;

INSERT INTO identity_doubt (dealer_id, device_id, other_id, key, reason, seen_at)
  SELECT 1, d, d + 1, 'serial:kyocera:x' || d, 'two_cards', CAST('${now}' AS timestamptz) - interval '2 days'
  FROM generate_series(1, ${few}) AS d;

INSERT INTO device_event (dealer_id, device_id, at, what, before, after)
  SELECT 1, d, CAST('${now}' AS timestamptz) - n * interval '10 days', 'card_swapped', '10.1.2.' || n, '10.1.2.' || n + 1
  FROM generate_series(1, ${devices}, 10) AS d, generate_series(1, 3) AS n;

INSERT INTO carried_file (dealer_id, taken_at, brought_by, name, reports, batches, acknowledgement)
  SELECT 1, CAST('${now}' AS timestamptz) - n * interval '1 hour', 'alice@northwind.example', 'reads.fpx', '[]', '[]',
    decode(repeat('5e', 500), 'hex')
  FROM generate_series(1, ${few}) AS n;
