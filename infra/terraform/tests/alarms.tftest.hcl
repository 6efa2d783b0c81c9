# The shared alarms with all their members, and the topics that they notify.

mock_provider "aws" {
  source          = "./tests/mocks"
  override_during = plan
}

variables {
  zip        = "./tests/package.zip"
  vault_addr = "https://vault.example.org:8200"
}

run "alarms_equal_alarms_json" {
  command = plan

  assert {
    condition = {
      for id, alarm in aws_cloudwatch_metric_alarm.this : id => {
        description = alarm.alarm_description
        metric      = "${alarm.namespace} ${alarm.metric_name} ${alarm.statistic}"
        dimensions  = join(" ", keys(alarm.dimensions))
        periods     = "${alarm.evaluation_periods} × ${alarm.period}"
        threshold   = "${alarm.comparison_operator} ${alarm.threshold}"
        missing     = alarm.treat_missing_data
      }
      } == {
      for alarm in jsondecode(file("../shared/alarms.json")) : alarm.id => {
        description = alarm.description
        metric      = "${alarm.namespace} ${alarm.metric} ${alarm.statistic}"
        dimensions  = join(" ", keys(alarm.dimensions))
        periods     = "${alarm.evaluationPeriods} × ${alarm.periodSeconds}"
        threshold   = "${alarm.comparison} ${alarm.threshold}"
        missing     = alarm.missing
      }
    }
    error_message = "alarms: expected those of alarms.json"
  }
  assert {
    condition     = length(aws_cloudwatch_metric_alarm.this) >= 10
    error_message = "alarms: expected at least 10"
  }
  assert {
    condition = (
      toset(flatten([for alarm in aws_cloudwatch_metric_alarm.this : values(alarm.dimensions)])) ==
      toset([
        "iam-key-sync",
        "iam-key-sync-changes",
        "iam-key-sync-events",
        "iam-key-sync-event-dead-letters",
        "iam-key-sync-failed-invocations",
        "iam-key-sync-schedule-dead-letters",
      ])
    )
    error_message = "alarm dimensions: expected the resources of this deployment"
  }
  assert {
    condition = alltrue([
      for id, alarm in aws_cloudwatch_metric_alarm.this : alarm.alarm_name == "iam-key-sync-${id}"
    ])
    error_message = "alarm names: expected the prefix and the id"
  }
  assert {
    condition = (
      strcontains(aws_cloudwatch_dashboard.this.dashboard_body, "alarm:iam-key-sync-keys-late-page") &&
      !strcontains(aws_cloudwatch_dashboard.this.dashboard_body, "$${")
    )
    error_message = "dashboard: expected filled placeholders"
  }
}

run "topic_is_created_by_default" {
  command = plan

  variables {
    alarm_emails = ["oncall@example.org"]
  }

  assert {
    condition = alltrue([
      for alarm in aws_cloudwatch_metric_alarm.this : (
        alarm.alarm_actions == toset([aws_sns_topic.alarms[0].arn]) &&
        alarm.ok_actions == toset([aws_sns_topic.alarms[0].arn])
      )
    ])
    error_message = "alarm actions: expected the created topic"
  }
  assert {
    condition = [
      for subscription in aws_sns_topic_subscription.email :
      "${subscription.protocol} ${subscription.endpoint}"
    ] == ["email oncall@example.org"]
    error_message = "subscriptions: expected the given address"
  }
  assert {
    condition = [
      for statement in jsondecode(aws_sns_topic_policy.alarms[0].policy).Statement :
      "${statement.Effect} ${statement.Action}"
    ] == ["Deny sns:Publish", "Allow sns:Publish"]
    error_message = "topic policy: expected only TLS and CloudWatch"
  }
}

run "topics_may_be_given" {
  command = plan

  variables {
    alarm_topic_arn = "arn:aws:sns:ca-central-1:111122223333:office"
    page_topic_arn  = "arn:aws:sns:ca-central-1:111122223333:pager"
  }

  assert {
    condition = (
      length(aws_sns_topic.alarms) == 0 &&
      output.alarm_topic_arn == "arn:aws:sns:ca-central-1:111122223333:office"
    )
    error_message = "topic: expected the given one"
  }
  assert {
    condition = {
      for id, alarm in aws_cloudwatch_metric_alarm.this : id => one(alarm.alarm_actions)
      } == {
      for alarm in jsondecode(file("../shared/alarms.json")) :
      alarm.id => alarm.severity == "page" ? var.page_topic_arn : var.alarm_topic_arn
    }
    error_message = "alarm actions: expected pages at the page topic and warnings at the other"
  }
}
