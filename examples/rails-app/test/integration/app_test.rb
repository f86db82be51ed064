# frozen_string_literal: true

require "test_helper"

class AppTest < ActionDispatch::IntegrationTest
  test "the probes answer" do
    get "/live"
    assert_response :success
    get "/ready"
    assert_response :success
    assert_equal "ready", response.body
  end

  test "an invoice that is posted is listed" do
    post "/invoices", params: { invoice: { number: "2024-001", customer: "Ada", amount_cents: 1250 } }, as: :json
    assert_response :created

    get "/"
    assert_select "td", "2024-001"
    assert_select "td", "$12.50"
  end

  test "an invoice without a customer is refused with the reason" do
    post "/invoices", params: { invoice: { number: "2024-002", amount_cents: 1 } }, as: :json
    assert_response :unprocessable_entity
    assert_equal ["can't be blank"], response.parsed_body["customer"]
  end
end
